import { expect, it } from 'vitest';
import { ContainerProcess } from '../../../guest-agent/runtime/running-process.ts';
import { pidfdOpen } from '../../../guest-agent/syscalls/process.ts';

it('is told its end by a keeper that has died since', async () => {
  const keepers = { pidfd: 7, namespaces: [8, 9] };
  const duplicateOf = (fd: number): number => {
    if (fd !== keepers.pidfd) throw new Error('ESRCH');
    return pidfdOpen(process.pid);
  };
  const held = { id: 'one', pid: process.pid, pidfd: keepers.pidfd, startedAt: 1 };
  const ours = new ContainerProcess(held, duplicateOf, () => undefined);
  ours.ended({ exitCode: 3, finishedAt: 2, namespaces: keepers.namespaces });
  expect(await ours.exited).toEqual({ exitCode: 3, finishedAt: new Date(2) });
  await ours.release();
  expect(ours.alive).toBe(false);
});
