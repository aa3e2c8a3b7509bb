import { readFileSync } from 'node:fs';
import type { LinuxResources } from '../../contracts/oci/runtime-spec.ts';
import { fail } from './failure.ts';

/** runc's flags of `update`, as they are typed. */
export interface UpdateFlags {
  resources?: string;
  blkioWeight?: string;
  cpuPeriod?: string;
  cpuQuota?: string;
  cpuBurst?: string;
  cpuRtPeriod?: string;
  cpuRtRuntime?: string;
  cpuShare?: string;
  cpusetCpus?: string;
  cpusetMems?: string;
  cpuIdle?: string;
  memory?: string;
  memoryReservation?: string;
  memorySwap?: string;
  pidsLimit?: string;
}

/** A document of limits, from a file or `-`, or what the flags say. @throws RuntimeFailure */
export function updatedResources(flags: UpdateFlags): LinuxResources {
  if (flags.resources) {
    return JSON.parse(readFileSync(flags.resources === '-' ? 0 : flags.resources, 'utf8')) as LinuxResources;
  }
  const number = (flag: keyof UpdateFlags): number | undefined => numberOf(flag, flags[flag]);
  const bytes = (flag: keyof UpdateFlags): number | undefined => bytesOf(flag, flags[flag]);
  const pids = number('pidsLimit');
  return {
    blockIO: { weight: number('blkioWeight') },
    cpu: {
      period: number('cpuPeriod'),
      quota: number('cpuQuota'),
      burst: number('cpuBurst'),
      realtimePeriod: number('cpuRtPeriod'),
      realtimeRuntime: number('cpuRtRuntime'),
      shares: number('cpuShare'),
      idle: number('cpuIdle'),
      cpus: flags.cpusetCpus,
      mems: flags.cpusetMems,
    },
    memory: { limit: bytes('memory'), reservation: bytes('memoryReservation'), swap: bytes('memorySwap') },
    ...(pids === undefined ? {} : { pids: { limit: pids } }),
  };
}

function numberOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value)) throw fail(`invalid value for ${flag}: ${text}`);
  return value;
}

const powers: Record<string, number> = { '': 0, k: 1, m: 2, g: 3, t: 4 };

/** `64m`, `1.5G`, `4096`, -1 for none. */
function bytesOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (text === '-1') return -1;
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text) ?? [];
  if (amount === undefined) throw fail(`invalid value for ${flag}: ${text}`);
  return Math.floor(Number(amount) * 1024 ** (powers[unit.toLowerCase()] ?? 0));
}
