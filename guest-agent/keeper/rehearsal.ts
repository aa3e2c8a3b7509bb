import { closeFd } from '../syscalls/file.ts';
import {
  boundingSet,
  capabilityBits,
  capabilityNames,
  getCapabilities,
  preparedCapabilities,
} from '../syscalls/identity.ts';
import { nativeCommand } from '../syscalls/process.ts';
import { newChild } from './child.ts';
import { perform } from './perform.ts';
import { findProgram } from './perform-identity.ts';
import type { LaunchStep } from './protocol.ts';

const steps: LaunchStep[] = [
  { op: 'stdio', stdin: null, stdout: null, stderr: null, uid: 0 },
  { op: 'oomScore', value: 0 },
  { op: 'enterNamespace', type: 'ipc', path: '/proc/self/ns/ipc' },
  { op: 'user', uid: 0, gid: 0, groups: [0], umask: 0, bounding: [...capabilityNames], cwd: '/' },
];

/**
 * After a fork every first step into code and memory costs a page fault, together more than the work itself. Whoever is to be
 * forked for execs takes those steps beforehand, and none that would change it; what fails does not matter.
 */
export function rehearseExec(): void {
  const child = { ...newChild(-1), warn: () => undefined };
  for (const step of JSON.parse(JSON.stringify(steps)) as LaunchStep[]) {
    try {
      perform(child, step);
    } catch {
      // It may not be allowed.
    }
  }
  const { permitted } = getCapabilities();
  const bits = capabilityBits(['CAP_CHOWN']) & permitted & boundingSet();
  preparedCapabilities({ effective: bits, permitted: bits, inheritable: 0n });
  nativeCommand(lookUpSomething(), ['sh'], ['PATH=/bin']);
  for (const fd of [...child.stdio, child.covers]) if (fd > 2) closeFd(fd);
}

function lookUpSomething(): string {
  try {
    return findProgram('sh', ['PATH=/bin']);
  } catch {
    return '/bin/sh'; // not here
  }
}
