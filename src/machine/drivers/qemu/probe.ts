import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, arch as hostArch, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { readJsonFile, writeJsonFile } from '../../../../base/json-file.ts';
import type { Arch } from '../../image.ts';
import { probeDevice, probePassed, probeRom } from './probe-rom.ts';
import { type Accelerator, openQemu, type Qemu, versionText } from './qemu.ts';

/** What was found out about one accelerator. */
export interface ProbeResult {
  accelerator: Accelerator;
  works: boolean;
  /** Why it does not, in words for a person. */
  reason?: string;
}

export interface Verdict {
  /** What the verdict depends on: it is found anew when any of it changes. */
  host: string;
  qemu: Qemu;
  accelerator: Accelerator;
  results: ProbeResult[];
}

/** A probe runs in 0.1 to 0.2 s where it runs at all; the second chance is for a busy computer. */
const deadlinesMs = [1000, 3000];

/** The accelerators worth trying, best first. A guest of another architecture can only be emulated. */
export function candidates(arch: Arch, platform = process.platform, host = hostArch()): Accelerator[] {
  const native = (host === 'x64' ? 'amd64' : host) === arch;
  const own: Partial<Record<NodeJS.Platform, Accelerator>> = { linux: 'kvm', darwin: 'hvf', win32: 'whpx' };
  const first = native ? own[platform] : undefined;
  return first ? [first, 'tcg'] : ['tcg'];
}

/**
 * The accelerator that runs kernels here, and the QEMU it belongs to. A `/dev/kvm` that opens proves nothing (some hang as
 * soon as a kernel runs), so 64-bit code is run on each. The verdict is kept in `file`, for the next start to be quick.
 */
export async function findAccelerator(options: {
  arch: Arch;
  file: string;
  env: NodeJS.ProcessEnv;
  program: string;
  fresh?: boolean;
}): Promise<Verdict> {
  const { arch, file, env, program } = options;
  const host = hostIdentity(program);
  const known = options.fresh ? undefined : readVerdict(file);
  if (known?.host === host) return known;
  const qemu = await openQemu(arch, env);
  const results: ProbeResult[] = [];
  for (const accelerator of candidates(arch)) {
    const result = await probe(qemu, arch, accelerator);
    results.push(result);
    if (result.works) break;
  }
  const accelerator = results.find(({ works }) => works)?.accelerator ?? 'tcg';
  const verdict: Verdict = { host, qemu, accelerator, results };
  await writeJsonFile(file, verdict);
  return verdict;
}

/** Kernel, processor and the QEMU file (its size and date change with its version; asking it costs 50 ms at every start). */
function hostIdentity(program: string): string {
  const { size, mtimeMs } = statSync(program);
  const processor = [cpus()[0]?.model.trim() ?? '', ...processorFeatures()];
  return [release(), ...processor, program, size, Math.round(mtimeMs)].join(' | ');
}

/** What another microcode or another hypervisor under this host changes although the processor's name stays (proc(5)). */
function processorFeatures(): string[] {
  if (process.platform !== 'linux') return [];
  const [first = ''] = readFileSync('/proc/cpuinfo', 'latin1').split('\n\n', 1);
  return [
    createHash('sha256')
      .update(first.match(/^(flags|Features|microcode)\b.*$/gm)?.join() ?? '')
      .digest('hex'),
  ];
}

function readVerdict(file: string): Verdict | undefined {
  try {
    return readJsonFile(file) as Verdict | undefined;
  } catch {
    return undefined; // torn: probe again
  }
}

/** Runs 64-bit code on an accelerator. TCG needs no proof, and arm64 has no such ROM yet: there its opening must do. */
export async function probe(qemu: Qemu, arch: Arch, accelerator: Accelerator): Promise<ProbeResult> {
  if (accelerator === 'tcg' || arch === 'arm64') return { accelerator, works: true };
  const folder = mkdtempSync(join(tmpdir(), 'berth-probe-'));
  const rom = join(folder, 'exit64.rom');
  try {
    writeFileSync(rom, probeRom());
    for (const deadlineMs of deadlinesMs) {
      const outcome = await runRom(qemu.program, rom, accelerator, deadlineMs);
      if (outcome === 'passed') return { accelerator, works: true };
      if (outcome !== 'hung') return { accelerator, works: false, reason: outcome };
    }
    const reason = `64-bit code does not get on under ${accelerator} of QEMU ${versionText(qemu.version)}: it opens, but hangs`;
    return { accelerator, works: false, reason };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `passed`, `hung`, or QEMU's own words when it refuses the accelerator. */
function runRom(program: string, rom: string, accelerator: Accelerator, deadlineMs: number): Promise<string> {
  const cpu = accelerator === 'whpx' ? 'max' : 'host';
  const args = [
    ...['-M', `q35,accel=${accelerator}`, '-cpu', cpu, '-nodefaults', '-display', 'none', '-m', '16'],
    ...['-bios', rom, '-device', probeDevice],
  ];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8');
  });
  return new Promise(resolve => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      resolve('hung');
    }, deadlineMs);
    child.on('error', error => resolve(error.message));
    child.on('close', code => {
      clearTimeout(timer);
      resolve(code === probePassed ? 'passed' : said.trim().split('\n').at(-1) || `QEMU ended with status ${code}`);
    });
  });
}
