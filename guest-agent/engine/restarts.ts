import type { ContainerRecord } from './container-record.ts';
import { nextRestart } from './restart-policy.ts';

/** One container's way back up: how long to wait, and the waiting. */
export class Restarts {
  #delayMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** The user starts it: patience begins anew. */
  reset(): void {
    this.#delayMs = 0;
  }

  /** After a run: milliseconds until the next, or undefined to stay down. */
  next(record: ContainerRecord, run: { exitCode: number; ranMs: number }): number | undefined {
    const { hostConfig, restartCount, manuallyStopped } = record;
    const { Name = 'no', MaximumRetryCount = 0 } = hostConfig.RestartPolicy ?? {};
    const delayMs = nextRestart({
      policy: { Name, MaximumRetryCount },
      ...run,
      restartCount,
      manuallyStopped,
      previousDelayMs: this.#delayMs,
    });
    this.#delayMs = delayMs ?? 0;
    return delayMs;
  }

  after(delayMs: number, work: () => void): void {
    this.cancel();
    this.#timer = setTimeout(work, delayMs);
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }
}

/** Whether "it was started" must outlive the machine: only a restart policy asks for it. */
export const hasRestartPolicy = ({ hostConfig }: ContainerRecord): boolean =>
  ['always', 'unless-stopped', 'on-failure'].includes(hostConfig.RestartPolicy?.Name ?? '');
