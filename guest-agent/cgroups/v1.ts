import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { LinuxResources } from '../../contracts/oci/runtime-spec.ts';
import type { Cgroup, CgroupFeatures, CgroupJoin, Cgroups } from './cgroups.ts';
import { deviceWrites } from './device-rules.ts';
import {
  apply,
  children,
  codeOf,
  ensureDirectory,
  eventually,
  killProcess,
  once,
  processesBelow,
  read,
  removeTree,
  write,
} from './files.ts';
import type { Hierarchy } from './hierarchies.ts';
import { limitsV1 } from './limits.ts';
import { type BlockIoEntry, type CgroupStats, parseBlkio, parseCounters, parseLimit } from './stats.ts';

const REMOVE_MS = 10_000;
const FREEZE_MS = 5_000;
const NS_PER_TICK = 10_000_000; // USER_HZ is 100 on every architecture that we run on

/** The cgroups of a kernel with one tree per controller. */
export class V1Cgroups implements Cgroups {
  readonly version = 1;
  readonly controllers: readonly string[];
  readonly #hierarchies: readonly Hierarchy[];
  readonly #parents = new Set<string>();

  constructor(hierarchies: readonly Hierarchy[]) {
    this.#hierarchies = hierarchies;
    this.controllers = hierarchies.flatMap(({ controllers }) => controllers).filter(name => !name.startsWith('name='));
  }

  readonly features = once((): CgroupFeatures => {
    const has = (controller: string, file = 'tasks'): boolean => existsSync(join(this.#mountOf(controller), file));
    const hasThrottle = (file: string): boolean => has('blkio', `blkio.throttle.${file}_device`);
    return {
      memoryLimit: has('memory'),
      swapLimit: has('memory', 'memory.memsw.limit_in_bytes'),
      memoryReservation: has('memory', 'memory.soft_limit_in_bytes'),
      memorySwappiness: has('memory', 'memory.swappiness'),
      oomKillDisable: has('memory', 'memory.oom_control'),
      cpuCfsPeriod: has('cpu', 'cpu.cfs_period_us'),
      cpuCfsQuota: has('cpu', 'cpu.cfs_quota_us'),
      cpuShares: has('cpu', 'cpu.shares'),
      cpuRealtime: has('cpu', 'cpu.rt_period_us'),
      cpuSet: has('cpuset'),
      cpus: read(join(this.#mountOf('cpuset'), 'cpuset.cpus')).trim(),
      mems: read(join(this.#mountOf('cpuset'), 'cpuset.mems')).trim(),
      pidsLimit: has('pids'),
      blkioWeight: has('blkio', 'blkio.weight'),
      blkioWeightDevice: has('blkio', 'blkio.weight_device'),
      blkioReadBps: hasThrottle('read_bps'),
      blkioWriteBps: hasThrottle('write_bps'),
      blkioReadIOps: hasThrottle('read_iops'),
      blkioWriteIOps: hasThrottle('write_iops'),
    };
  });

  create(path: string, resources: LinuxResources): { cgroup: Cgroup; warnings: string[] } {
    this.#ensureParents(dirname(path));
    const made: string[] = [];
    try {
      for (const { mountPoint, controllers } of this.#hierarchies) {
        mkdirSync(mountPoint + path, 0o755);
        made.push(mountPoint + path);
        // The root belongs to the host and is not told to hand down.
        if (dirname(path) === '/' && controllers.includes('cpuset')) inheritCpuset(mountPoint + path);
      }
      const cgroup = new V1Cgroup(path, this.#hierarchies);
      cgroup.allowDevices(resources);
      return { cgroup, warnings: cgroup.update(resources) };
    } catch (error) {
      for (const directory of made.reverse()) rmdirSync(directory);
      // The parent may have been removed behind our back: look again the next time.
      this.#parents.clear();
      throw error;
    }
  }

  open(path: string): Cgroup {
    return new V1Cgroup(path, this.#hierarchies);
  }

  list(parent: string): string[] {
    return [...new Set(this.#hierarchies.flatMap(({ mountPoint }) => children(mountPoint + parent)))];
  }

  #mountOf(controller: string): string {
    return this.#hierarchies.find(({ controllers }) => controllers.includes(controller))?.mountPoint ?? '/nowhere';
  }

  /** Folders above a container's, once. A new cpuset is empty and takes no process, so its children copy from it. */
  #ensureParents(parent: string): void {
    if (parent === '/' || this.#parents.has(parent)) return;
    this.#ensureParents(dirname(parent));
    for (const { mountPoint, controllers } of this.#hierarchies) {
      ensureDirectory(mountPoint + parent);
      if (controllers.includes('cpuset')) inheritCpuset(mountPoint + parent);
    }
    this.#parents.add(parent);
  }
}

function inheritCpuset(directory: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems'])
    if (read(join(directory, file)).trim() === '') write(join(directory, file), read(join(dirname(directory), file)));
  write(join(directory, 'cgroup.clone_children'), '1');
}

class V1Cgroup implements Cgroup {
  readonly path: string;
  readonly #hierarchies: readonly Hierarchy[];

  constructor(path: string, hierarchies: readonly Hierarchy[]) {
    this.path = path;
    this.#hierarchies = hierarchies;
  }

  join(): CgroupJoin {
    return { version: 1, tasks: this.#hierarchies.map(({ mountPoint }) => `${mountPoint}${this.path}/tasks`) };
  }

  /** The first lines of a new cgroup; children have what their parent has until told otherwise. */
  allowDevices(resources: LinuxResources): void {
    const directory = this.#find('devices');
    if (!directory) return;
    for (const { file, values } of deviceWrites(resources.devices ?? [])) write(join(directory, file), ...values);
  }

  update(resources: LinuxResources): string[] {
    const warnings: string[] = [];
    for (const { controller, ...setting } of limitsV1(resources, this.#growsPastSwap(resources))) {
      const directory = this.#find(controller);
      const warning = directory ? apply(directory, { controller, ...setting }) : setting.warning;
      if (!directory && !warning) throw new Error(`The ${controller} controller of control groups is not mounted`);
      if (warning) warnings.push(warning);
    }
    return warnings;
  }

  /** True when the new memory limit is above the present limit of memory and swap. */
  #growsPastSwap({ memory }: LinuxResources): boolean {
    if (!memory?.swap || !memory.limit) return false;
    const present = parseLimit(this.#read('memory', 'memory.memsw.limit_in_bytes'));
    return present !== undefined && (memory.limit < 0 || memory.limit > present);
  }

  stats(): CgroupStats {
    const ticks = parseCounters(this.#read('cpuacct', 'cpuacct.stat'));
    const throttling = parseCounters(this.#read('cpu', 'cpu.stat'));
    const limitBytes = parseLimit(this.#read('memory', 'memory.limit_in_bytes'));
    const pidsLimit = parseLimit(this.#read('pids', 'pids.max'));
    return {
      cpu: {
        totalNs: Number(this.#read('cpuacct', 'cpuacct.usage')),
        userNs: (ticks.user ?? 0) * NS_PER_TICK,
        systemNs: (ticks.system ?? 0) * NS_PER_TICK,
        perCpuNs: this.#read('cpuacct', 'cpuacct.usage_percpu').trim().split(' ').map(Number),
        throttling: {
          periods: throttling.nr_periods ?? 0,
          throttledPeriods: throttling.nr_throttled ?? 0,
          throttledNs: throttling.throttled_time ?? 0,
        },
      },
      memory: {
        usageBytes: Number(this.#read('memory', 'memory.usage_in_bytes')),
        maxUsageBytes: Number(this.#read('memory', 'memory.max_usage_in_bytes')),
        ...(limitBytes === undefined ? {} : { limitBytes }),
        failures: Number(this.#read('memory', 'memory.failcnt')),
        counters: parseCounters(this.#read('memory', 'memory.stat')),
      },
      pids: {
        current: Number(this.#read('pids', 'pids.current')),
        ...(pidsLimit === undefined ? {} : { limit: pidsLimit }),
      },
      blockIo: this.#blockIo(),
    };
  }

  /** The throttler's counters see every scheduler's work; the others are CFQ's own, of old kernels. */
  #blockIo(): CgroupStats['blockIo'] {
    const list = (file: string): BlockIoEntry[] => parseBlkio(this.#read('blkio', `blkio.${file}`));
    return {
      serviceBytes: list('throttle.io_service_bytes_recursive'),
      serviced: list('throttle.io_serviced_recursive'),
      queued: list('io_queued_recursive'),
      serviceTime: list('io_service_time_recursive'),
      waitTime: list('io_wait_time_recursive'),
      merged: list('io_merged_recursive'),
      time: list('time_recursive'),
      sectors: list('sectors_recursive'),
    };
  }

  oomKills(): number {
    return parseCounters(this.#read('memory', 'memory.oom_control')).oom_kill ?? 0;
  }

  async freeze(): Promise<void> {
    const file = join(this.#find('freezer') ?? '', 'freezer.state');
    // Writing again is what makes the kernel look at processes that were forked meanwhile.
    const frozen = await eventually(() => {
      write(file, 'FROZEN');
      return read(file).trim() === 'FROZEN';
    }, FREEZE_MS);
    if (frozen) return;
    write(file, 'THAWED');
    throw new Error(`Some processes of ${this.path} cannot be frozen`);
  }

  async thaw(): Promise<void> {
    this.#setFrozen(false);
  }

  frozen(): boolean {
    return this.#read('freezer', 'freezer.state').trim() === 'FROZEN';
  }

  kill(): void {
    // Frozen ones cannot fork; the signal waits for them and comes first when they thaw.
    this.#setFrozen(true);
    for (const pid of this.processes()) killProcess(pid);
    this.#setFrozen(false);
  }

  processes(): number[] {
    const directory = this.#find('pids') ?? this.#hierarchies[0]?.mountPoint.concat(this.path);
    return directory ? processesBelow(directory) : [];
  }

  async remove(): Promise<void> {
    const directories = this.#hierarchies.map(({ mountPoint }) => mountPoint + this.path);
    const gone = (): boolean => directories.map(removeTree).every(Boolean);
    if (gone()) return;
    this.kill();
    const removed = await eventually(() => {
      if (gone()) return true;
      this.#killStragglers();
      return false;
    }, REMOVE_MS);
    if (!removed) throw new Error(`Control group ${this.path} still has processes: ${this.processes().join(' ')}`);
  }

  /** Those that are in one tree only, for a launch died half-way. */
  #killStragglers(): void {
    for (const { mountPoint } of this.#hierarchies)
      for (const pid of processesBelow(mountPoint + this.path)) killProcess(pid);
  }

  #setFrozen(frozen: boolean): void {
    try {
      write(join(this.#find('freezer') ?? '', 'freezer.state'), frozen ? 'FROZEN' : 'THAWED');
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }

  #find(controller: string): string | undefined {
    const mount = this.#hierarchies.find(({ controllers }) => controllers.includes(controller))?.mountPoint;
    return mount && mount + this.path;
  }

  #read(controller: string, file: string): string {
    const directory = this.#find(controller);
    return directory ? read(join(directory, file)) : '';
  }
}
