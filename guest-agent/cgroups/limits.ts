import type { LinuxResources, ThrottleDevice } from '../../contracts/oci/runtime-spec.ts';
import { CgroupError } from './cgroup-error.ts';

/** One write into a cgroup: into which controller's folder (v1; all are one folder on v2), which file, which text. */
export interface Setting {
  controller: string;
  file: string;
  value: string;
  /** What to tell the user, instead of failing, when this kernel has no such file. */
  warning?: string;
  /** Goes there when the kernel has no such file: the same limit by the name of another scheduler. */
  instead?: { file: string; value: string };
  /** Nothing is lost when the kernel has no such file. */
  optional?: true;
}

const noSwap =
  'Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.';
const noPids =
  'Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.';
const noSwappiness =
  'Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.';
const noKillSwitch = 'Your kernel does not support OomKillDisable. OomKillDisable discarded.';
const noWeight = 'Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.';

const noWeightDevice =
  'Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.';

/** `number` settings of one controller; undefined and 0 leave the file alone, as runc has it. */
class Plan {
  readonly settings: Setting[] = [];

  set(
    controller: string,
    file: string,
    value: number | string | undefined,
    more: string | Partial<Setting> = {},
  ): void {
    if (value === undefined || value === 0 || value === '') return;
    const setting = { controller, file: `${controller}.${file}`, value: String(value) };
    this.settings.push({ ...setting, ...(typeof more === 'string' ? { warning: more } : more) });
  }
}

const unlimited = (value: number | undefined): number | 'max' | undefined =>
  value !== undefined && value < 0 ? 'max' : value;

/**
 * The files of the old hierarchies. `swapFirst`: a limit above the present memory+swap limit is refused, so when
 * limits grow the sum must grow before its part.
 * See Documentation/admin-guide/cgroup-v1 of Linux and config-linux.md of the OCI runtime specification.
 */
export function limitsV1(resources: LinuxResources, swapFirst = false): Setting[] {
  const plan = new Plan();
  const { memory = {}, cpu = {}, pids, blockIO = {} } = resources;
  const amounts: [string, number | undefined, string?][] = [
    ['limit_in_bytes', memory.limit],
    ['memsw.limit_in_bytes', memory.swap, noSwap],
  ];
  for (const [file, value, warning] of swapFirst ? amounts.toReversed() : amounts)
    plan.set('memory', file, value, warning);
  plan.set('memory', 'soft_limit_in_bytes', memory.reservation);
  plan.set('memory', 'kmem.tcp.limit_in_bytes', memory.kernelTCP);
  if (memory.swappiness !== undefined && memory.swappiness >= 0)
    plan.set('memory', 'swappiness', String(memory.swappiness), noSwappiness);
  if (memory.disableOOMKiller) plan.set('memory', 'oom_control', 1, noKillSwitch);

  plan.set('cpu', 'shares', checkedShares(cpu.shares));
  plan.set('cpu', 'cfs_period_us', cpu.period);
  plan.set('cpu', 'cfs_quota_us', cpu.quota);
  plan.set('cpu', 'cfs_burst_us', cpu.burst);
  plan.set('cpu', 'rt_period_us', cpu.realtimePeriod);
  plan.set('cpu', 'rt_runtime_us', cpu.realtimeRuntime);
  if (cpu.idle !== undefined) plan.set('cpu', 'idle', String(cpu.idle));
  plan.set('cpuset', 'cpus', cpu.cpus);
  plan.set('cpuset', 'mems', cpu.mems);
  plan.set('pids', 'max', unlimited(pids?.limit), noPids);
  blockLimitsV1(plan, blockIO);
  hugepageLimits(plan, resources, 'limit_in_bytes');
  networkLimits(plan, resources);
  rdmaLimits(plan, resources);
  return plan.settings;
}

/** What the kernel would round to its range without a word is refused as runc does. @throws CgroupError */
function checkedShares(shares: number | undefined): number | undefined {
  if (shares && (shares < 0 || shares > 262_144))
    throw new CgroupError('cpu.shares', 'the maximum allowed cpu-shares is 262144');
  if (shares === 1) throw new CgroupError('cpu.shares', 'the minimum allowed cpu-shares is 2');
  return shares;
}

/** Pages in use, and where the kernel counts them those that are only promised. */
function hugepageLimits(plan: Plan, { hugepageLimits = [] }: LinuxResources, file: 'limit_in_bytes' | 'max'): void {
  for (const { pageSize, limit } of hugepageLimits) {
    plan.set('hugetlb', `${pageSize}.${file}`, String(limit));
    plan.set('hugetlb', `${pageSize}.rsvd.${file}`, String(limit), { optional: true });
  }
}

/** Marks on what is sent; v2 has none. */
function networkLimits(plan: Plan, { network = {} }: LinuxResources): void {
  plan.set('net_cls', 'classid', network.classID);
  for (const { name, priority } of network.priorities ?? []) plan.set('net_prio', 'ifpriomap', `${name} ${priority}`);
}

function rdmaLimits(plan: Plan, { rdma = {} }: LinuxResources): void {
  for (const [device, { hcaHandles, hcaObjects }] of Object.entries(rdma)) {
    const handles = hcaHandles === undefined ? '' : ` hca_handle=${hcaHandles}`;
    const objects = hcaObjects === undefined ? '' : ` hca_object=${hcaObjects}`;
    if (handles || objects) plan.set('rdma', 'max', `${device}${handles}${objects}`);
  }
}

function blockLimitsV1(plan: Plan, blockIO: NonNullable<LinuxResources['blockIO']>): void {
  // By the name of CFQ, which kernels since 5.0 have no more, else by that of BFQ.
  const bfq = (file: string, value: string): Partial<Setting> => ({ instead: { file: `blkio.bfq.${file}`, value } });
  const { weight: all, leafWeight, weightDevice = [] } = blockIO;
  plan.set('blkio', 'weight', all, { warning: noWeight, ...bfq('weight', String(all)) });
  plan.set('blkio', 'leaf_weight', leafWeight, noWeight);
  for (const { major, minor, weight, leafWeight: leaf } of weightDevice) {
    const line = `${major}:${minor} ${weight}`;
    if (weight) plan.set('blkio', 'weight_device', line, { warning: noWeightDevice, ...bfq('weight_device', line) });
    if (leaf) plan.set('blkio', 'leaf_weight_device', `${major}:${minor} ${leaf}`, noWeightDevice);
  }
  const throttles: [string, ThrottleDevice[] | undefined][] = [
    ['read_bps_device', blockIO.throttleReadBpsDevice],
    ['write_bps_device', blockIO.throttleWriteBpsDevice],
    ['read_iops_device', blockIO.throttleReadIOPSDevice],
    ['write_iops_device', blockIO.throttleWriteIOPSDevice],
  ];
  for (const [file, devices] of throttles)
    for (const { major, minor, rate } of devices ?? [])
      plan.set('blkio', `throttle.${file}`, `${major}:${minor} ${rate}`);
}

/**
 * `cpu.shares` (2 to 262144, usually 1024) as `cpu.weight` (1 to 10000, usually 100): the curve through these three
 * pairs that runc takes since 1.4, so that `--cpu-shares 1024` is as good as saying nothing.
 */
export function toCpuWeight(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262_144) return 10_000;
  const l = Math.log2(shares);
  return Math.ceil(10 ** ((l * l + 125 * l) / 612 - 7 / 34));
}

/** Block weight of v1 (10 to 1000) as `io.weight` (1 to 10000); both lines as runc draws them. */
const toIoWeight = (weight: number): number => Math.floor(1 + ((weight - 10) * 9999) / 990);

/** Memory and swap together, less the memory: v2 counts swap alone. 0 is left alone. */
function swapAlone(memory: NonNullable<LinuxResources['memory']>): number | 'max' | undefined {
  const { limit = 0, swap = 0 } = memory;
  if (swap === 0) return undefined;
  if (swap < 0) return 'max';
  return swap - Math.max(limit, 0);
}

/** The files of the unified hierarchy. See Documentation/admin-guide/cgroup-v2.rst of Linux. */
export function limitsV2(resources: LinuxResources): Setting[] {
  const plan = new Plan();
  const { memory = {}, cpu = {}, pids } = resources;
  plan.set('memory', 'max', unlimited(memory.limit));
  const swap = swapAlone(memory);
  // "0" must be written: a container whose sum equals its memory may not swap at all.
  plan.set('memory', 'swap.max', swap === undefined ? undefined : String(swap), noSwap);
  plan.set('memory', 'low', unlimited(memory.reservation));

  if (cpu.shares) plan.set('cpu', 'weight', toCpuWeight(cpu.shares));
  if (cpu.quota || cpu.period) {
    const quota = cpu.quota !== undefined && cpu.quota > 0 ? cpu.quota : 'max';
    plan.set('cpu', 'max', `${quota} ${cpu.period || 100_000}`);
  }
  plan.set('cpu', 'max.burst', cpu.burst);
  if (cpu.idle !== undefined) plan.set('cpu', 'idle', String(cpu.idle));
  plan.set('cpuset', 'cpus', cpu.cpus);
  plan.set('cpuset', 'mems', cpu.mems);
  plan.set('pids', 'max', unlimited(pids?.limit), noPids);
  blockLimitsV2(plan, resources.blockIO ?? {});
  hugepageLimits(plan, resources, 'max');
  rdmaLimits(plan, resources);
  for (const [file, value] of Object.entries(resources.unified ?? {}))
    plan.settings.push({ controller: file.split('.', 1)[0] ?? '', file, value });
  return plan.settings;
}

function blockLimitsV2(plan: Plan, blockIO: NonNullable<LinuxResources['blockIO']>): void {
  // BFQ's own range is that of v1.
  const bfq = (value: string): Partial<Setting> => ({ instead: { file: 'io.bfq.weight', value } });
  const { weight: all, weightDevice = [] } = blockIO;
  if (all) plan.set('io', 'weight', toIoWeight(all), { warning: noWeight, ...bfq(String(all)) });
  for (const { major, minor, weight } of weightDevice) {
    if (!weight) continue;
    const device = `${major}:${minor}`;
    const otherwise = { warning: noWeightDevice, ...bfq(`${device} ${weight}`) };
    plan.set('io', 'weight', `${device} ${toIoWeight(weight)}`, otherwise);
  }
  const throttles: [string, ThrottleDevice[] | undefined][] = [
    ['rbps', blockIO.throttleReadBpsDevice],
    ['wbps', blockIO.throttleWriteBpsDevice],
    ['riops', blockIO.throttleReadIOPSDevice],
    ['wiops', blockIO.throttleWriteIOPSDevice],
  ];
  for (const [key, devices] of throttles)
    for (const { major, minor, rate } of devices ?? []) plan.set('io', 'max', `${major}:${minor} ${key}=${rate}`);
}
