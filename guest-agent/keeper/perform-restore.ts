import { openSync } from 'node:fs';
import { AT_FDCWD, closeFd } from '../syscalls/file.ts';
import { cloneTree } from '../syscalls/mount.ts';
import { duplicateTo } from '../syscalls/process.ts';
import type { Child } from './child.ts';
import { openNull } from './covers.ts';
import { attachAt } from './perform-mounts.ts';
import { firstOffered, type LaunchStep } from './protocol.ts';

type StepOf<Op extends LaunchStep['op']> = Extract<LaunchStep, { op: Op }>;

/** Nothing of what is mounted in the root comes along. */
export function copyRoot(_child: Child, { source, target }: StepOf<'copyRoot'>): void {
  const copy = cloneTree(AT_FDCWD, source, false);
  attachAt(target, copy);
  closeFd(copy);
}

/** Far above whatever else the child has open. */
export function offerDescriptors(child: Child, { files }: StepOf<'offer'>): void {
  for (const [index, { path, mode }] of files.entries()) {
    const fd = path === null ? openNull(child) : openSync(path, mode);
    duplicateTo(fd, firstOffered + index);
    closeFd(fd);
  }
  child.offered = files.length;
}
