/**
 * Control groups: what a container may use, what it has used, and the one reliable handle on all its processes.
 *
 * A cgroup is made before the launch (some 0.3 ms of mkdir and writes, in one synchronous block), the container's
 * child joins it by itself, and it goes when the container has exited. Its path (`/berth/<id>`) is all one needs to
 * find it again. Engines side by side use different parents.
 *
 * Two kernels' worth of interface: v2, one tree, is what the machine has; v1, one tree for each controller, is what
 * older Linux hosts have. What to write is decided purely (`limits`, `device-rules`, `device-program`), who writes
 * it is `V1Cgroup` and `V2Cgroup`, what the kernel counted is read by `stats`.
 */

export { CgroupError } from './cgroup-error.ts';
export { type Cgroup, type CgroupFeatures, type CgroupJoin, type Cgroups, openCgroups } from './cgroups.ts';
export type { BlockIoEntry, CgroupStats } from './stats.ts';
