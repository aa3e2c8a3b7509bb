import { spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, readdirSync, readFileSync, rmSync, type Stats, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { internal, notImplemented } from '../../contracts/errors.ts';
import { type DumpOptions, dumpArguments, type OpenFile, type ProcessFacts, savedProcess } from './checkpoint-plan.ts';
import { type CgroupJoin, type CheckpointRequest, LaunchError, type LaunchRequest } from './contract.ts';
import type { LaunchPlan, PlanContext } from './launch-plan.ts';
import { restorePlan } from './restore-plan.ts';
import { criuError, readSaved, writeSaved } from './saved-process.ts';

/**
 * Checkpoints are made by CRIU, where it is installed: the only program of somebody else's that a container's life may
 * need. `criu dump` runs beside the container; for a restore, a child of the keeper becomes `criu restore`.
 */

function findProgram(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return folders.map(folder => join(folder, name)).find(isExecutable);
}

/** @throws EngineError not-implemented */
function findCriu(): string {
  const found = findProgram('criu');
  if (found === undefined)
    throw notImplemented('checkpoints need CRIU, which is not installed: there is no "criu" on PATH');
  return found;
}

function readLog(directory: string, name: string): string {
  try {
    return readFileSync(join(directory, name), 'utf8');
  } catch {
    return '';
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @throws EngineError internal with CRIU's reason; not-implemented without it */
export async function dump(request: CheckpointRequest): Promise<void> {
  const { spec, directory, pid, leaveRunning, cgroup } = request;
  const criu = findCriu();
  const facts = factsOf(request);
  const saved = savedProcess(spec, facts);
  const options = {
    pid,
    directory,
    leaveRunning,
    freezer: freezerOf(cgroup),
    network: facts.network,
    networkLock: networkLock(),
  };
  const code = await run(criu, dumpArguments(saved, options));
  if (code !== 0) throw internal(criuError(readLog(directory, 'dump.log')));
  writeSaved(directory, saved);
}

const freezerOf = (cgroup: CgroupJoin): string | undefined =>
  cgroup.version === 2 ? cgroup.directory : cgroup.tasks.map(dirname).find(path => path.includes('/freezer/'));

/** How nobody reaches the container meanwhile; CRIU asks for iptables, unless told otherwise. */
const networkLock = (): DumpOptions['networkLock'] => (findProgram('iptables-restore') ? 'iptables' : 'nftables');

function run(program: string, args: string[]): Promise<number | null> {
  const child = spawn(program, args, { stdio: 'ignore', cwd: '/' });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
}

function factsOf({ pid, processes, stdio }: CheckpointRequest): ProcessFacts {
  const { stdin, stdout, stderr } = stdio;
  const streams: ProcessFacts['streams'] = {};
  for (const [name, path] of Object.entries({ stdin, stdout, stderr })) {
    const inode = path === null ? undefined : statSync(path, { throwIfNoEntry: false })?.ino;
    if (inode !== undefined) streams[name as keyof typeof streams] = inode;
  }
  const network = statSync(`/proc/${pid}/ns/net`).ino;
  return {
    mountinfo: readFileSync(`/proc/${pid}/mountinfo`, 'utf8'),
    files: processes.flatMap(openFiles),
    ...(network === statSync('/proc/self/ns/net').ino ? {} : { network }),
    streams,
  };
}

/** What ends meanwhile has nothing open. */
function openFiles(pid: number): OpenFile[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map(fd => openFile(`/proc/${pid}`, fd));
  } catch {
    return [];
  }
}

function openFile(folder: string, fd: string): OpenFile {
  const found = statSync(join(folder, 'fd', fd));
  const [, mountId = '-1'] = /^mnt_id:\s*(\d+)/m.exec(readFileSync(join(folder, 'fdinfo', fd), 'utf8')) ?? [];
  return { mountId: Number(mountId), inode: found.ino, kind: kindOf(found) };
}

const nullDevice = 0x103;

function kindOf(found: Stats): OpenFile['kind'] {
  if (found.isFIFO()) return 'fifo';
  return found.isCharacterDevice() && found.rdev === nullDevice ? 'null' : 'other';
}

/** What an earlier try has left in `work` is removed. @throws Error, EngineError */
export function prepareRestore(
  request: LaunchRequest,
  { checkpoint, work }: { checkpoint: string; work: string },
  context: PlanContext,
): LaunchPlan {
  const criu = findCriu();
  const saved = readSaved(checkpoint);
  for (const name of ['restored.pid', 'restore.log', 'criu.err']) rmSync(join(work, name), { force: true });
  mkdirSync(join(work, 'root'), { recursive: true });
  return restorePlan(request, { criu, path: process.env.PATH ?? '', saved, work }, context);
}

/** With CRIU's own reason, where it was CRIU that failed. */
export function restoreFailure(error: unknown, work: string): unknown {
  if (!(error instanceof LaunchError) || error.step !== 'successor') return error;
  const reason = criuError(readLog(work, 'restore.log'), error.message);
  return internal(`failed to create task for container: OCI runtime restore failed: ${reason}`, { cause: error });
}
