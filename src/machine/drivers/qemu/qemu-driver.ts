import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonFile, writeJsonFileSync } from '../../../../base/json-file.ts';
import type { Log } from '../../../../base/log.ts';
import { notFound, unavailable } from '../../../../contracts/errors.ts';
import { guestSshPort } from '../../../../contracts/guest.ts';
import type { BootPlan, MachineDriver, MachineExit, RunningMachine } from '../../driver.ts';
import type { Arch } from '../../image.ts';
import { writeInitrd } from '../../initrd.ts';
import { goneWithin, identify, isAlive, type ProcessIdentity, signalProcess } from '../../process-identity.ts';
import { qemuArguments } from './command-line.ts';
import { findAccelerator, type Verdict } from './probe.ts';
import { findQemuProgram, versionText } from './qemu.ts';
import { forwardedPort, Qmp } from './qmp.ts';
import { lastLines, runningQemu, textOf } from './running-qemu.ts';
import { forgetOthers, incoming, resume, saveState, stateFile } from './saved-state.ts';

export interface QemuDriverOptions {
  arch: Arch;
  /** The machine's own folder; its files are named in {@link filesIn}. */
  folder: string;
  /** Chooses QEMU by BERTH_QEMU and PATH. */
  env: NodeJS.ProcessEnv;
  log: Log;
}

/** What must be known to find a QEMU again after its host program was killed. */
export interface QemuRecord extends ProcessIdentity {
  description: string;
  accelerated: boolean;
  /** The loopback port of the guest's SSH server; not known in the first moments. */
  sshPort: number | undefined;
  /** It began where an earlier boot was kept: its guest may still sleep there, and does not tell again how it came there. */
  resumed: boolean;
}

/** The files of a machine under QEMU. `record` is written last and read first. */
export const filesIn = (folder: string) => ({
  initrd: join(folder, 'initrd'),
  console: join(folder, 'console.log'),
  readiness: join(folder, 'ready.jsonl'),
  qmp: join(folder, 'qmp.sock'),
  wake: join(folder, 'wake.sock'),
  pidFile: join(folder, 'qemu.pid'),
  output: join(folder, 'qemu.log'),
  record: join(folder, 'qemu.json'),
  verdict: join(folder, 'accelerator.json'),
});

const startLimitMs = 10_000;

/** Runs a machine as a QEMU process of its own session: it survives us, and Ctrl-C in a terminal does not reach it. */
export function openQemuDriver(options: QemuDriverOptions): MachineDriver {
  const files = filesIn(options.folder);
  let verdict: Promise<Verdict> | undefined;
  const probe = (): Promise<Verdict> => {
    const program = findQemuProgram(options.arch, options.env);
    if (!program) return Promise.reject(notFound('QEMU is not installed'));
    verdict ??= findAccelerator({ arch: options.arch, file: files.verdict, env: options.env, program });
    return verdict;
  };
  return {
    probe: async () => describe(await probe()),
    find: () => findRunning(files, options.log),
    start: async plan => startQemu(await probe(), plan, options),
  };
}

const describe = ({ qemu, accelerator }: Verdict): { description: string; accelerated: boolean } => ({
  description: `QEMU ${versionText(qemu.version)}, ${accelerator === 'tcg' ? 'emulation (tcg)' : accelerator}`,
  accelerated: accelerator !== 'tcg',
});

/** Where an earlier boot of the same machine is kept, QEMU begins there; a kept boot that it cannot read is forgotten. */
async function startQemu(verdict: Verdict, plan: BootPlan, options: QemuDriverOptions): Promise<RunningMachine> {
  const files = filesIn(options.folder);
  const { qemu, accelerator } = verdict;
  const args = qemuArguments({
    ...files,
    arch: options.arch,
    version: qemu.version,
    accelerator,
    cpus: plan.cpus,
    memoryMiB: plan.memoryMiB,
    kernel: plan.image.kernel,
    kernelArguments: plan.image.manifest.cmdline,
    rootDisk: plan.image.rootDisk,
    dataDisk: plan.dataDisk,
  });
  const { digest } = plan.image.manifest;
  const dataSize = statSync(plan.dataDisk).size;
  const kept = stateFile(options.folder, verdict, [verdict.host, args, digest, dataSize, plan.settings]);
  forgetOthers(options.folder, plan.afresh ? undefined : kept);
  if (kept && existsSync(kept)) {
    try {
      return await launch([...args, '-incoming', incoming(kept, qemu.version)], verdict, files, { resumed: true });
    } catch (error) {
      options.log.warn('the kept boot cannot be used: booting afresh', { error });
      rmSync(kept, { force: true });
    }
  }
  writeInitrd(files.initrd, plan.image.initramfs, plan.settings);
  return launch(args, verdict, files, {
    ...(kept ? { keep: qmp => saveState(qmp, kept, qemu.version) } : {}),
  });
}

async function launch(
  args: string[],
  verdict: Verdict,
  files: ReturnType<typeof filesIn>,
  { resumed = false, keep }: { resumed?: boolean; keep?: (qmp: Qmp) => Promise<void> },
): Promise<RunningMachine> {
  for (const old of [files.readiness, files.qmp, files.wake, files.pidFile, files.console, files.record])
    rmSync(old, { force: true });
  const { process: started, exit } = spawnDetached(verdict.qemu.program, args, files.output);
  const record: QemuRecord = { ...started, ...describe(verdict), sshPort: undefined, resumed };
  writeJsonFileSync(files.record, record);
  try {
    const qmp = await connectMonitor(files.qmp, exit);
    const found = { ...record, sshPort: await sshPortOf(qmp) };
    writeJsonFileSync(files.record, found);
    if (resumed) await resume(qmp);
    const ended = exit.then(how => explained(how, qmp, files));
    return runningQemu({ record: found, qmp, files, exit: ended, ...(keep ? { keep: () => keep(qmp) } : {}) });
  } catch (error) {
    signalProcess(started, 'SIGKILL');
    await goneWithin(started, 3000);
    throw error;
  }
}

function spawnDetached(
  program: string,
  args: string[],
  output: string,
): { process: ProcessIdentity; exit: Promise<MachineExit> } {
  const log = openSync(output, 'w', 0o600);
  const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  child.unref();
  const exit = new Promise<MachineExit>(resolve => {
    child.on('error', error => resolve({ clean: false, reason: error.message }));
    child.on('exit', (code, signal) => resolve(exitOf(code, signal, output)));
  });
  return { process: identify(child.pid ?? 0), exit };
}

function exitOf(code: number | null, signal: string | null, output: string): MachineExit {
  if (code === 0) return { clean: true, reason: 'the machine was switched off' };
  const said = lastLines(output, 3).join('; ');
  return { clean: false, reason: `QEMU ended with ${signal ?? `status ${code}`}${said ? `: ${said}` : ''}` };
}

/** A guest that ends in order switches itself off; a kernel that panics asks for a reset, which for QEMU is an end as well. */
async function explained(how: MachineExit, qmp: Qmp, files: ReturnType<typeof filesIn>): Promise<MachineExit> {
  await qmp.closed;
  if (!how.clean || qmp.shutdownCause !== 'guest-reset') return how;
  const panic = textOf(files.console).match(/Kernel panic - .*/)?.[0];
  return { clean: false, reason: panic ?? 'its kernel has asked for a reset' };
}

/** The monitor's socket appears a few milliseconds after the start. */
async function connectMonitor(path: string, exit: Promise<MachineExit>): Promise<Qmp> {
  let ended: MachineExit | undefined;
  void exit.then(how => {
    ended = how;
  });
  const end = performance.now() + startLimitMs;
  for (;;) {
    try {
      return await Qmp.connect(path);
    } catch (error) {
      if (ended) throw unavailable(`QEMU did not start: ${ended.reason}`);
      if (performance.now() > end) throw error;
      await new Promise(resolve => setTimeout(resolve, 10));
    }
  }
}

async function sshPortOf(qmp: Qmp): Promise<number> {
  const table = await qmp.execute('human-monitor-command', { 'command-line': 'info usernet' });
  const port = forwardedPort(table, guestSshPort);
  if (!port) throw unavailable('QEMU has not forwarded a port to the machine');
  return port;
}

/** A QEMU whose host program died. One that no longer answers on its monitor is ended: its disk is needed. */
async function findRunning(files: ReturnType<typeof filesIn>, log: Log): Promise<RunningMachine | undefined> {
  const record = readJsonFile(files.record) as QemuRecord | undefined;
  if (!record || !isAlive(record)) return undefined;
  try {
    const qmp = await Qmp.connect(files.qmp);
    const { status, running } = await qmp.execute('query-status');
    if (!running) throw unavailable(`it is ${status}`);
    const found = { ...record, sshPort: record.sshPort ?? (await sshPortOf(qmp)) };
    const exit = qmp.closed
      .then(() => goneWithin(record, 5000))
      .then((gone): MachineExit => ({ clean: gone, reason: gone ? 'the machine ended' : 'QEMU no longer answers' }))
      .then(how => explained(how, qmp, files));
    return runningQemu({ record: found, qmp, files, exit });
  } catch (error) {
    log.warn('a QEMU of this machine hangs and is ended', { pid: record.pid, error });
    signalProcess(record, 'SIGKILL');
    await goneWithin(record, 5000);
    return undefined;
  }
}

/** The recorded QEMU, for programs that do not own the machine (`berth status`, `berth shell`). */
export function readQemuRecord(folder: string): QemuRecord | undefined {
  const { record } = filesIn(folder);
  try {
    const found = JSON.parse(readFileSync(record, 'utf8')) as QemuRecord;
    return isAlive(found) ? found : undefined;
  } catch {
    return undefined;
  }
}
