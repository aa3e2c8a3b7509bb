/** HostConfig.RestartPolicy. */
export interface RestartPolicy {
  Name: string;
  MaximumRetryCount: number;
}

const firstDelayMs = 100;
const longestDelayMs = 60_000;
/** A run at least this long is taken as a success: the next delay starts small again. */
const goodRunMs = 10_000;

export interface RestartQuestion {
  policy: RestartPolicy;
  exitCode: number;
  ranMs: number;
  /** Restarts so far without a good run between them. */
  restartCount: number;
  /** The user stopped it: only `docker start` may start it again. */
  manuallyStopped: boolean;
  previousDelayMs: number;
}

/** Delay before the next start in milliseconds, or undefined: stay down. As Docker's restart manager counts. */
export function nextRestart(question: RestartQuestion): number | undefined {
  if (question.manuallyStopped || !wantsRestart(question)) return undefined;
  if (question.previousDelayMs === 0 || question.ranMs >= goodRunMs) return firstDelayMs;
  return Math.min(question.previousDelayMs * 2, longestDelayMs);
}

function wantsRestart({ policy, exitCode, restartCount }: RestartQuestion): boolean {
  switch (policy.Name) {
    case 'always':
    case 'unless-stopped':
      return true;
    case 'on-failure':
      return exitCode !== 0 && (policy.MaximumRetryCount === 0 || restartCount < policy.MaximumRetryCount);
    default:
      return false;
  }
}

/** Whether the engine's start should start it, given how it was left. */
export function startsWithEngine(
  policy: RestartPolicy,
  left: { exitCode: number; manuallyStopped: boolean; everStarted: boolean; restartCount: number },
): boolean {
  if (!left.everStarted) return false;
  switch (policy.Name) {
    case 'always':
      return true;
    case 'unless-stopped':
      return !left.manuallyStopped;
    case 'on-failure':
      return (
        !left.manuallyStopped &&
        left.exitCode !== 0 &&
        (policy.MaximumRetryCount === 0 || left.restartCount < policy.MaximumRetryCount)
      );
    default:
      return false;
  }
}
