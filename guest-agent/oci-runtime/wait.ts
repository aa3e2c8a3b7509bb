import { type ReapedChild, reapChild } from '../syscalls/process.ts';

const longMs = 60_000;

/** How our child `pid` ended, as a shell tells it: 128 and the signal when one ended it. Others of ours are reaped as well. */
export function exitCodeOf(pid: number): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const reap = (): void => {
    for (let child: ReapedChild | undefined = reapChild(); child; child = reapChild()) {
      if (child.pid === pid) resolve(child.exitCode);
    }
  };
  const awake = setInterval(reap, longMs); // a handler of signals does not keep a program going
  process.on('SIGCHLD', reap);
  reap();
  return promise.finally(() => {
    clearInterval(awake);
    process.off('SIGCHLD', reap);
  });
}

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGCONT'] as const;

/** Whoever signals a command that waits for a container means the container. */
export function forwardSignals(pid: number): void {
  for (const signal of forwarded) {
    process.on(signal, () => {
      try {
        process.kill(pid, signal);
      } catch {
        // It has just ended.
      }
    });
  }
}
