import { closeSync, existsSync, mkdirSync, openSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { LinuxResources } from '../../contracts/oci/runtime-spec.ts';
import { attachDeviceProgram, loadDeviceProgram } from '../syscalls/bpf.ts';
import type { Cgroup, CgroupFeatures, CgroupJoin, Cgroups } from './cgroups.ts';
import { deviceProgram } from './device-program.ts';
import { type DevicePolicy, devicePolicy } from './device-rules.ts';
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
import { limitsV2 } from './limits.ts';
import { type CgroupStats, parseCounters, parseIoStat, parseLimit } from './stats.ts';

const REMOVE_MS = 10_000;
const FREEZE_MS = 5_000;

/** The cgroups of a kernel with one tree for all. */
export class V2Cgroups implements Cgroups {
  readonly version = 2;
  readonly controllers: readonly string[];
  readonly #root: string;
  readonly #parents = new Set<string>();
  /** One program serves all containers with the same rules, which is nearly all. */
  readonly #devicePrograms = new Map<string, number>();

  constructor(root: string) {
    this.#root = root;
    this.controllers = read(join(root, 'cgroup.controllers')).split(/\s+/).filter(Boolean);
  }

  /** As moby tells it (pkg/sysinfo/cgroup2_linux.go): a controller stands for all its files. */
  readonly features = once((): CgroupFeatures => {
    const [memory, cpu, io, cpuSet] = ['memory', 'cpu', 'io', 'cpuset'].map(name => this.controllers.includes(name));
    return {
      memoryLimit: memory === true,
      swapLimit: memory === true && this.#hasSwapLimit(),
      memoryReservation: memory === true,
      memorySwappiness: false,
      oomKillDisable: false,
      cpuCfsPeriod: cpu === true,
      cpuCfsQuota: cpu === true,
      cpuShares: cpu === true,
      cpuRealtime: false,
      cpuSet: cpuSet === true,
      cpus: read(join(this.#root, 'cpuset.cpus.effective')).trim(),
      mems: read(join(this.#root, 'cpuset.mems.effective')).trim(),
      pidsLimit: this.controllers.includes('pids'),
      blkioWeight: io === true,
      blkioWeightDevice: io === true,
      blkioReadBps: io === true,
      blkioWriteBps: io === true,
      blkioReadIOps: io === true,
      blkioWriteIOps: io === true,
    };
  });

  create(path: string, resources: LinuxResources): { cgroup: Cgroup; warnings: string[] } {
    this.#ensureParents(dirname(path));
    const directory = this.#root + path;
    mkdirSync(directory, 0o755);
    try {
      this.#allowDevices(directory, resources);
      const cgroup = new V2Cgroup(path, directory);
      return { cgroup, warnings: cgroup.update(resources) };
    } catch (error) {
      rmdirSync(directory);
      this.#parents.clear();
      throw error;
    }
  }

  open(path: string): Cgroup {
    return new V2Cgroup(path, this.#root + path);
  }

  list(parent: string): string[] {
    return children(this.#root + parent);
  }

  /** The root has no memory.swap.max, so any child is asked; without one swap accounting is taken as on. */
  #hasSwapLimit(): boolean {
    const [child] = children(this.#root);
    return child === undefined || existsSync(join(this.#root, child, 'memory.swap.max'));
  }

  /** Children have the controllers that their parent hands down. A folder that hands down may hold no process itself. */
  #ensureParents(parent: string): void {
    if (this.#parents.has(parent)) return;
    if (parent !== '/') {
      this.#ensureParents(dirname(parent));
      ensureDirectory(this.#root + parent);
    }
    const file = join(this.#root + parent, 'cgroup.subtree_control');
    const handed = new Set(read(file).trim().split(' '));
    const missing = this.controllers.filter(name => !handed.has(name));
    // One by one: a controller that cannot be had (realtime processes forbid cpu) must not take the others with it.
    for (const name of missing) tryWrite(file, `+${name}`);
    this.#parents.add(parent);
  }

  #allowDevices(directory: string, { devices }: LinuxResources): void {
    if (!devices || devices.length === 0) return;
    const policy = devicePolicy(devices);
    if (policy.allowedByDefault && policy.exceptions.length === 0) return;
    const cgroup = openSync(directory, 'r');
    try {
      attachDeviceProgram(cgroup, this.#programFor(policy));
    } finally {
      closeSync(cgroup);
    }
  }

  #programFor(policy: DevicePolicy): number {
    const key = JSON.stringify(policy);
    const known = this.#devicePrograms.get(key);
    if (known !== undefined) return known;
    const loaded = loadDeviceProgram(deviceProgram(policy));
    this.#devicePrograms.set(key, loaded);
    return loaded;
  }
}

function tryWrite(file: string, value: string): void {
  try {
    write(file, value);
  } catch (error) {
    if (!['EINVAL', 'EBUSY', 'ENOENT', 'EOPNOTSUPP'].includes(codeOf(error) ?? '')) throw error;
  }
}

class V2Cgroup implements Cgroup {
  readonly path: string;
  readonly #directory: string;

  constructor(path: string, directory: string) {
    this.path = path;
    this.#directory = directory;
  }

  join(): CgroupJoin {
    return { version: 2, directory: this.#directory };
  }

  update(resources: LinuxResources): string[] {
    return limitsV2(resources).flatMap(setting => apply(this.#directory, setting) ?? []);
  }

  stats(): CgroupStats {
    const cpu = parseCounters(this.#read('cpu.stat'));
    const peak = parseLimit(this.#read('memory.peak'));
    const limitBytes = parseLimit(this.#read('memory.max'));
    const pidsLimit = parseLimit(this.#read('pids.max'));
    return {
      cpu: {
        totalNs: (cpu.usage_usec ?? 0) * 1000,
        userNs: (cpu.user_usec ?? 0) * 1000,
        systemNs: (cpu.system_usec ?? 0) * 1000,
        throttling: {
          periods: cpu.nr_periods ?? 0,
          throttledPeriods: cpu.nr_throttled ?? 0,
          throttledNs: (cpu.throttled_usec ?? 0) * 1000,
        },
      },
      memory: {
        usageBytes: Number(this.#read('memory.current')),
        ...(peak === undefined ? {} : { maxUsageBytes: peak }),
        ...(limitBytes === undefined ? {} : { limitBytes }),
        failures: parseCounters(this.#read('memory.events')).oom ?? 0,
        counters: parseCounters(this.#read('memory.stat')),
      },
      pids: {
        current: Number(this.#read('pids.current')),
        ...(pidsLimit === undefined ? {} : { limit: pidsLimit }),
      },
      blockIo: parseIoStat(this.#read('io.stat')),
    };
  }

  oomKills(): number {
    return parseCounters(this.#read('memory.events')).oom_kill ?? 0;
  }

  async freeze(): Promise<void> {
    this.#write('cgroup.freeze', '1');
    if (await eventually(() => this.frozen(), FREEZE_MS)) return;
    this.#write('cgroup.freeze', '0');
    throw new Error(`Some processes of ${this.path} cannot be frozen`);
  }

  async thaw(): Promise<void> {
    this.#write('cgroup.freeze', '0');
  }

  frozen(): boolean {
    return parseCounters(this.#read('cgroup.events')).frozen === 1;
  }

  kill(): void {
    try {
      this.#write('cgroup.kill', '1');
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      // Gone, or a kernel before 5.14.
      for (const pid of this.processes()) killProcess(pid);
    }
  }

  processes(): number[] {
    return processesBelow(this.#directory);
  }

  async remove(): Promise<void> {
    if (removeTree(this.#directory)) return;
    this.kill();
    const removed = await eventually(() => {
      if (removeTree(this.#directory)) return true;
      this.kill();
      return false;
    }, REMOVE_MS);
    if (!removed) throw new Error(`Control group ${this.path} still has processes: ${this.processes().join(' ')}`);
  }

  #read(file: string): string {
    return read(join(this.#directory, file));
  }

  #write(file: string, value: string): void {
    write(join(this.#directory, file), value);
  }
}
