import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LinuxResources } from '../../contracts/oci/runtime-spec.ts';
import { findHierarchies } from './hierarchies.ts';
import type { CgroupStats } from './stats.ts';
import { V1Cgroups } from './v1.ts';
import { V2Cgroups } from './v2.ts';

/** How the child of a launch puts itself in: v1 writes `0` into each `tasks` file, v2 is cloned into the directory. */
export type CgroupJoin = { version: 1; tasks: string[] } | { version: 2; directory: string };

/** What this kernel can limit, in the words of Docker's `/info`. */
export interface CgroupFeatures {
  memoryLimit: boolean;
  swapLimit: boolean;
  memoryReservation: boolean;
  memorySwappiness: boolean;
  oomKillDisable: boolean;
  cpuCfsPeriod: boolean;
  cpuCfsQuota: boolean;
  cpuShares: boolean;
  cpuRealtime: boolean;
  cpuSet: boolean;
  /** CPUs and memory nodes that there are, as cpuset(7) writes them: `0-3`; '' without the controller. */
  cpus: string;
  mems: string;
  pidsLimit: boolean;
  blkioWeight: boolean;
  blkioWeightDevice: boolean;
  blkioReadBps: boolean;
  blkioWriteBps: boolean;
  blkioReadIOps: boolean;
  blkioWriteIOps: boolean;
}

/** The cgroups of containers, of one kernel interface. */
export interface Cgroups {
  readonly version: 1 | 2;
  /** Names as the kernel has them: `cpu`, `memory`, `io` or `blkio` … */
  readonly controllers: readonly string[];
  /** Looked up once. */
  readonly features: () => CgroupFeatures;
  /**
   * Makes the cgroup and its limits, or nothing at all.
   * `warnings` are limits that this kernel does not have, in Docker's words. @throws SystemError of node:fs
   */
  create(path: string, resources: LinuxResources): { cgroup: Cgroup; warnings: string[] };
  /** A cgroup made earlier, perhaps by an earlier process; it is not looked at until used. */
  open(path: string): Cgroup;
  /** Names of the cgroups directly below `parent`; none if there is no such parent. */
  list(parent: string): string[];
}

/** One container's cgroup. */
export interface Cgroup {
  readonly path: string;
  join(): CgroupJoin;
  /** Changes limits of a living cgroup; returns warnings. Device rules are for {@link Cgroups.create} only. */
  update(resources: LinuxResources): string[];
  stats(): CgroupStats;
  /** How many processes the kernel has killed in here for want of memory. 0 when the cgroup is gone. */
  oomKills(): number;
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** False also when the cgroup is gone. */
  frozen(): boolean;
  /** SIGKILL to everything inside, also while frozen, and to what is forked meanwhile. */
  kill(): void;
  /** Process ids of this cgroup and those below. */
  processes(): number[];
  /** Kills what is left, waits until it is empty, removes it with all below. Any number of times. */
  remove(): Promise<void>;
}

/** Looks at what is mounted under `root` (`/sys/fs/cgroup`). @throws Error when there is nothing of the kind */
export function openCgroups(options: { root?: string } = {}): Cgroups {
  const root = options.root ?? '/sys/fs/cgroup';
  if (existsSync(join(root, 'cgroup.controllers'))) return new V2Cgroups(root);
  const hierarchies = findHierarchies(readFileSync('/proc/self/mountinfo', 'utf8'), root);
  if (hierarchies.length === 0) throw new Error(`No control groups are mounted at ${root}`);
  return new V1Cgroups(hierarchies);
}
