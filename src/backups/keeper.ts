import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { HttpTarget } from '../../base/http-client.ts';
import type { BackupPlan } from '../../contracts/bridge.ts';
import { messageOf } from '../../contracts/errors.ts';
import { BackupPlans } from './plans.ts';
import { runBackup } from './run.ts';
import { dueAt } from './schedule.ts';

/** Timers of Node count no further than this; and a computer that slept wakes up late. */
const longestWaitMs = 3_600_000;

/** Backs up what the plans in `file` want, until the signal. Nothing is read while there is no plan. */
export async function keepBackups(file: string, engine: HttpTarget, signal: AbortSignal): Promise<void> {
  const plans = new BackupPlans(file);
  while (!signal.aborted) {
    const due = plans.list().toSorted((a, b) => dueAt(a) - dueAt(b))[0];
    const waitMs = due ? dueAt(due) - Date.now() : Number.POSITIVE_INFINITY;
    // a home that cannot be written is no reason to try again at once
    if (due && waitMs <= 0) await backUp(plans, engine, due).catch(() => changeOf(file, longestWaitMs, signal));
    else await changeOf(file, Math.min(waitMs, longestWaitMs), signal);
  }
}

async function backUp(plans: BackupPlans, engine: HttpTarget, plan: BackupPlan): Promise<void> {
  const tried = Date.now();
  const problem = await runBackup(engine, plan, tried).then(() => '', messageOf);
  plans.record(plan.volume, { tried, problem });
}

/** Resolves when the file changes, when the time is over, or at the signal. */
async function changeOf(file: string, waitMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const watcher = watch(dirname(file), { persistent: false }, (_event, name) => {
    if (name === basename(file)) resolve();
  });
  const timer = setTimeout(resolve, waitMs);
  timer.unref();
  signal.addEventListener('abort', () => resolve());
  await promise;
  clearTimeout(timer);
  watcher.close();
}
