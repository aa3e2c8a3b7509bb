import { constants, fchownSync, fstatSync } from 'node:fs';
import { closeFd } from '../syscalls/file.ts';
import { attachMount, cloneTree } from '../syscalls/mount.ts';
import { openTerminalPeer, setTerminalSize, takeControllingTerminal } from '../syscalls/terminal.ts';
import { type Child, say } from './child.ts';
import { hearKeeper } from './perform-rebirth.ts';
import type { LaunchStep } from './protocol.ts';
import { ensureInRoot, openInRoot } from './rootfs-path.ts';

const multiplexerNumber = 0x502; // 5:2, /dev/ptmx

/**
 * A terminal of the container's own devpts. The other end is had from the master itself (TIOCGPTPEER), not by a path
 * that something inside could have replaced. The child waits until the keeper has taken its duplicate of the master.
 */
export function openTerminal(child: Child, step: Extract<LaunchStep, { op: 'terminal' }>): void {
  const master = openInRoot(child.root, '/dev/pts/ptmx', constants.O_RDWR | constants.O_NOCTTY);
  const status = fstatSync(master);
  if (!status.isCharacterDevice() || status.rdev !== multiplexerNumber) throw new Error('/dev/pts/ptmx is no terminal');
  const slave = openTerminalPeer(master);
  fchownSync(slave, step.uid, 5);
  if (step.rows > 0 && step.columns > 0) setTerminalSize(slave, step.rows, step.columns);
  if (step.console) {
    const mount = cloneTree(slave, '', false);
    const target = ensureInRoot(child.root, step.console, 'file');
    attachMount(mount, target, step.console);
    closeFd(target);
    closeFd(mount);
  }
  takeControllingTerminal(slave);
  say(child.report, { terminal: master });
  hearKeeper(child);
  closeFd(master);
  child.stdio = [slave, slave, slave];
}
