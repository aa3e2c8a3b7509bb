import { closeFd } from '../syscalls/file.ts';
import {
  boundingSet,
  capabilityBits,
  capabilityNames,
  getCapabilities,
  preparedCapabilities,
} from '../syscalls/identity.ts';
import { newFilesystem } from '../syscalls/mount.ts';
import { CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWUTS } from '../syscalls/namespace-flags.ts';
import { nativeCommand } from '../syscalls/process.ts';
import { type Ahead, makeAhead } from './ahead.ts';
import type { Child } from './child.ts';
import { coversOf } from './covers.ts';
import { perform } from './perform.ts';
import { findProgram } from './perform-identity.ts';
import type { LaunchStep } from './protocol.ts';

/**
 * After a fork every first step into code and memory costs a page fault, together more than the work itself. A child
 * that waits for its plan takes those steps beforehand, on a tmpfs that is mounted nowhere; what fails does not matter.
 */
const launchSteps: LaunchStep[] = [
  { op: 'stdio', stdin: null, stdout: null, stderr: null, uid: 0 },
  { op: 'enterNamespace', type: 'network', path: '/proc/self/ns/net' },
  { op: 'mount', type: 'sysfs', source: 'sysfs', target: '/sys', options: [], attributes: 1 },
  {
    op: 'bind',
    source: '/dev/null',
    target: '/etc/hosts',
    recursive: true,
    set: 1,
    clear: 0,
    setRecursive: false,
    propagation: 0x44000,
  },
  { op: 'makeDirectory', path: '/var/lib/x' },
  { op: 'remount', target: '/', set: 1 },
];

const execSteps: LaunchStep[] = [
  { op: 'stdio', stdin: null, stdout: null, stderr: null, uid: 0 },
  { op: 'oomScore', value: 0 },
  { op: 'enterNamespace', type: 'ipc', path: '/proc/self/ns/ipc' },
  { op: 'user', uid: 0, gid: 0, groups: [0], umask: 0, bounding: [...capabilityNames], cwd: '/' },
];

const rehearsals = { launch: launchSteps, exec: execSteps };
/** What a waiting child is there for. */
export type Expected = keyof typeof rehearsals;

/**
 * Namespaces (`CLONE_NEW…` bits) that it has of its own: for a launch what nearly every container has. As one is in a PID
 * namespace from one's birth, it is then a sibling of the one that was forked, in the memory of that one, which takes the
 * whole of it down when the container's program has begun, and not before.
 */
export const bornFor: Readonly<Record<Expected, number>> = {
  launch: CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS,
  exec: 0,
};

/** Changes nothing that outlives it, but for what every child needs alike, and what it gives: see ahead.ts. */
export function rehearse(child: Child, what: Expected): Ahead | undefined {
  coversOf(child); // the same for every container
  const scratch: Child = { ...child, root: newFilesystem('tmpfs', []), warn: () => undefined };
  const ahead = what === 'launch' ? makeAhead(child) : undefined;
  for (const step of JSON.parse(JSON.stringify(rehearsals[what])) as LaunchStep[]) {
    try {
      perform(scratch, step);
    } catch {
      // Before Linux 6.15 nothing can be mounted on what is not mounted itself.
    }
  }
  const { permitted } = getCapabilities();
  const bits = capabilityBits(['CAP_CHOWN']) & permitted & boundingSet();
  preparedCapabilities({ effective: bits, permitted: bits, inheritable: 0n });
  nativeCommand(lookUpSomething(), ['sh'], ['PATH=/bin']);
  for (const fd of [...scratch.stdio, scratch.root]) if (fd > 2) closeFd(fd);
  return ahead;
}

function lookUpSomething(): string {
  try {
    return findProgram('sh', ['PATH=/bin']);
  } catch {
    return '/bin/sh'; // not here
  }
}
