import { readJsonFile, writeJsonFileSync } from '../../base/json-file.ts';
import type { BackupPlan } from '../../contracts/bridge.ts';
import { notFound } from '../../contracts/errors.ts';

/** What came of a backup: when it was tried, and why it failed; empty when it did not. */
export type BackupRecord = Pick<BackupPlan, 'tried' | 'problem'>;

/** Which volumes are backed up, how often and where: a file, read anew each time, since two programs write it. */
export class BackupPlans {
  readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  list(): BackupPlan[] {
    try {
      return (readJsonFile(this.file) as BackupPlan[] | undefined) ?? [];
    } catch {
      return []; // torn by something else than us: who reads it can do no more
    }
  }

  /** @throws not-found */
  get(volume: string): BackupPlan {
    const plan = this.list().find(each => each.volume === volume);
    if (!plan) throw notFound(`${volume} is not backed up`);
    return plan;
  }

  put(plan: BackupPlan): void {
    writeJsonFileSync(this.file, [...this.list().filter(({ volume }) => volume !== plan.volume), plan]);
  }

  remove(volume: string): void {
    writeJsonFileSync(
      this.file,
      this.list().filter(plan => plan.volume !== volume),
    );
  }

  /** Notes what came of a backup, unless the plan was taken back meanwhile. */
  record(volume: string, record: BackupRecord): void {
    const plan = this.list().find(each => each.volume === volume);
    if (plan) this.put({ ...plan, ...record });
  }
}
