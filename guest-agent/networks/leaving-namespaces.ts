import { closeSync } from 'node:fs';
import { putOff } from '../../base/put-off.ts';
import type { Namespace } from './sandbox.ts';

/**
 * The kernel takes namespaces apart in one go that it finds together, and meanwhile nobody else gets at links and addresses
 * (rtnl_mutex): some 5 ms, in which the next container cannot have its address.
 */
const most = 16;

const leaving: Namespace[] = [];

/** Lets the kernel take a namespace apart with all its links, together with others, when there is time. */
export function leaveToKernel(namespace: Namespace): void {
  leaving.push(namespace);
  if (leaving.length >= most) leaveAllToKernel();
  else if (leaving.length === 1) putOff(leaveAllToKernel);
}

/** Of those that wait for others. */
export function leaveAllToKernel(): void {
  for (const { connection, fd } of leaving.splice(0)) {
    connection.close();
    closeSync(fd);
  }
}
