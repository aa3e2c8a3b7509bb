import { LAST_FD, readFd } from '../syscalls/process.ts';
import { vforkSibling } from '../syscalls/vfork.ts';
import { type Child, say } from './child.ts';
import { firstDescriptor } from './descriptors.ts';

/**
 * A process is in a PID namespace from its birth, so joining one takes a second child. The first was not visible in
 * the container while it still had the host's root and files open: with CAP_SYS_PTRACE, which not even a process that
 * may not be dumped is safe from, the container could have read and written them through /proc/PID/root. What appears
 * inside sees nothing but the container. The keeper is the parent of both.
 */
export function beReborn(child: Child): void {
  say(child.report, { reborn: vforkSibling(firstDescriptor, LAST_FD) });
  child.isKnown = false;
}

/** The keeper must know whom it has before anything can end or become another program; what is prepared need not wait. */
export function becomeKnown(child: Child): void {
  if (child.isKnown) return;
  child.isKnown = true;
  hearKeeper(child);
}

/** Waits for the keeper's one byte. @throws Error when it has gone */
export function hearKeeper({ report }: Child): void {
  if (readFd(report, Buffer.alloc(1)) !== 1) throw new Error('the keeper went away');
}
