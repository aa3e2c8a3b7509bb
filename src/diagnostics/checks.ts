import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { httpJson } from '../../base/http-client.ts';
import { messageOf } from '../../contracts/errors.ts';

/** What a check found. A `problem` prevents Berth from working, a `warning` makes it worse. */
export interface Finding {
  check: string;
  outcome: 'good' | 'warning' | 'problem' | 'skipped';
  /** What is so. */
  detail: string;
  /** Why that is bad, when it is. */
  cause?: string;
  /** What to do about it. */
  repair?: string;
}

/** What the checks look at. The functions belong to other rooms; what they throw is shown. */
export interface Examined {
  home: string;
  dockerSocket: string;
  /** The one command that installs QEMU, if one is known. */
  installQemu: string | undefined;
  /** The QEMU that a machine would run on. */
  qemu(): Promise<{ program: string; version: { major: number; minor: number; patch: number } }>;
  /** Runs code on the accelerators, anew. */
  accelerator(): Promise<{ accelerator: string; results: { works: boolean; reason?: string }[] }>;
  /** The machine image in one line; undefined when there is none. */
  image(): string | undefined;
  dockerVersion(): Promise<string>;
}

type Check = (examined: Examined) => Finding | Promise<Finding>;

const good = (check: string, detail: string): Finding => ({ check, outcome: 'good', detail });

const node: Check = () => {
  const check = 'Node';
  if (Number(process.versions.node.split('.')[0]) >= 26) return good(check, process.version);
  const cause = 'Berth is written for Node 26 and newer';
  return { check, outcome: 'problem', detail: process.version, cause, repair: 'in the folder of Berth type: npm ci' };
};

const oldestQemu = 7;

const qemu: Check = async examined => {
  const check = 'QEMU';
  const repair = examined.installQemu ?? 'install QEMU 7.2 or newer';
  try {
    const { program, version } = await examined.qemu();
    const text = `${version.major}.${version.minor}.${version.patch}`;
    if (version.major >= oldestQemu) return good(check, `${text} (${program})`);
    return { check, outcome: 'problem', detail: text, cause: 'it is older than 7.2', repair };
  } catch (error) {
    const cause = 'without it there is no machine (an engine on Linux itself works: `berth up --native`)';
    return { check, outcome: 'problem', detail: messageOf(error), cause, repair };
  }
};

const accelerator: Check = async examined => {
  const check = 'accelerator';
  const verdict = await examined.accelerator().catch(() => undefined);
  if (!verdict) return { check, outcome: 'skipped', detail: 'there is no QEMU to try it with' };
  if (verdict.accelerator !== 'tcg') return good(check, `${verdict.accelerator} runs 64-bit code`);
  const failed = verdict.results.find(({ works }) => !works);
  return {
    check,
    outcome: 'warning',
    detail: 'the machine is emulated (tcg), about ten times slower',
    cause: failed?.reason ?? 'machines of another architecture can only be emulated',
    repair: acceleratorRepair(process.platform, failed?.reason ?? ''),
  };
};

function acceleratorRepair(platform: NodeJS.Platform, reason: string): string {
  if (platform === 'linux' && /permission denied/i.test(reason)) return 'sudo usermod -aG kvm $USER, then log in again';
  if (platform === 'linux') return 'switch virtualisation on in the firmware, or in the settings of the cloud instance';
  if (platform === 'win32') return 'switch the Windows feature "Windows Hypervisor Platform" on';
  return 'none: this computer has no hypervisor';
}

const image: Check = examined => {
  const check = 'machine image';
  try {
    const found = examined.image();
    if (found) return good(check, found);
    return {
      check,
      outcome: 'warning',
      detail: 'there is none yet',
      repair: '`berth up` builds it, or `berth image build`',
    };
  } catch (error) {
    return { check, outcome: 'problem', detail: messageOf(error), repair: 'berth image build' };
  }
};

const GiB = 1024 ** 3;

const diskSpace: Check = ({ home }) => {
  const check = 'disk space';
  const { bavail, bsize } = statfsSync(existing(home));
  const free = `${((Number(bavail) * Number(bsize)) / GiB).toFixed(1)} GiB free for ${home}`;
  if (bavail * bsize > 5 * GiB) return good(check, free);
  const repair = 'docker system prune, or set BERTH_HOME to a folder on a larger disk';
  return { check, outcome: 'warning', detail: free, cause: 'images need gigabytes', repair };
};

const homeWritable: Check = ({ home }) => {
  const check = 'home';
  try {
    accessSync(existing(home), constants.W_OK);
    return good(check, home);
  } catch {
    return {
      check,
      outcome: 'problem',
      detail: `${home} cannot be written`,
      repair: 'set BERTH_HOME to a folder of yours',
    };
  }
};

/** The nearest folder above that exists. */
function existing(path: string): string {
  const parent = dirname(path);
  return existsSync(path) || parent === path ? path : existing(parent);
}

const docker: Check = async examined => {
  const check = 'docker command';
  try {
    return good(check, await examined.dockerVersion());
  } catch (error) {
    const repair = 'install docker-cli from your system, or use any program that knows DOCKER_HOST';
    return { check, outcome: 'warning', detail: messageOf(error), repair };
  }
};

interface EngineInfo {
  ServerVersion?: string;
  Warnings?: string[] | null;
  CgroupVersion?: string;
  /** Ours: does the keeper's forked child survive a garbage collection? */
  BerthKeeper?: string;
}

const engineInfo = async ({ dockerSocket }: Examined): Promise<EngineInfo> =>
  (await httpJson({ socketPath: dockerSocket }, 'GET', '/info', { timeoutMs: 10_000 })) as EngineInfo;

const engine: Check = async examined => {
  const check = 'engine';
  try {
    const info = await engineInfo(examined);
    const warnings = info.Warnings ?? [];
    if (warnings.length === 0) return good(check, `${info.ServerVersion} answers on ${examined.dockerSocket}`);
    return { check, outcome: 'warning', detail: `${info.ServerVersion} answers`, cause: warnings.join('; ') };
  } catch (error) {
    if (!existsSync(examined.dockerSocket)) return { check, outcome: 'skipped', detail: 'berth is not up' };
    return { check, outcome: 'problem', detail: messageOf(error), repair: '`berth down`, then `berth up`' };
  }
};

const keeper: Check = async examined => {
  const check = 'keeper';
  const info = await engineInfo(examined).catch(() => undefined);
  if (info?.BerthKeeper === undefined) return { check, outcome: 'skipped', detail: 'the engine does not tell' };
  if (info.BerthKeeper === 'ok') return good(check, 'a forked child lives through garbage collections');
  const repair = 'run Berth on the Node that its package-lock.json pins';
  return { check, outcome: 'problem', detail: info.BerthKeeper, cause: 'containers cannot be started safely', repair };
};

const cgroups: Check = async examined => {
  const check = 'control groups';
  const info = await engineInfo(examined).catch(() => undefined);
  if (info?.CgroupVersion) return good(check, `version ${info.CgroupVersion}`);
  if (process.platform !== 'linux') return { check, outcome: 'skipped', detail: 'they are in the machine' };
  if (existsSync('/sys/fs/cgroup/cgroup.controllers')) return good(check, 'version 2 on this computer');
  if (existsSync('/sys/fs/cgroup/memory')) return good(check, 'version 1 on this computer');
  const detail = 'none are mounted on this computer';
  return { check, outcome: 'warning', detail, cause: '`berth up --native` needs them', repair: 'use the machine' };
};

const all: Check[] = [node, qemu, accelerator, image, homeWritable, diskSpace, docker, engine, keeper, cgroups];

/** Runs every check; one that breaks is a problem itself. */
export async function examine(examined: Examined): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const check of all) {
    findings.push(
      await Promise.resolve()
        .then(() => check(examined))
        .catch(error => ({ check: check.name, outcome: 'problem' as const, detail: messageOf(error) })),
    );
  }
  return findings;
}
