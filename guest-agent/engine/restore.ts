import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { settledWithin } from '../../base/clock.ts';
import { messageOf } from '../../contracts/errors.ts';
import type { ChainId } from '../../contracts/oci/digest.ts';
import type { RunningProcess, StdioSpec } from '../runtime/index.ts';
import { ContainerActor } from './container.ts';
import { prepareLog } from './container-log.ts';
import type { ContainerRecord } from './container-record.ts';
import { isAlive } from './container-state.ts';
import type { EngineContext } from './context.ts';
import { snapshotsOf } from './image-mounts.ts';
import type { Live } from './launch.ts';
import { startsWithEngine } from './restart-policy.ts';
import { fifosOf, openStreams } from './run-streams.ts';
import { cgroupsPathOf } from './runtime-spec.ts';

/** How long the keeper may take to tell of an end that /proc shows already. */
const deathGraceMs = 500;
/** A process that nobody can tell the end of: it went with the machine, or with the keeper. */
const lostExitCode = 255;

/**
 * The engine's start: loads every record, takes over what still runs, writes down what ended meanwhile, gives back what
 * belongs to nobody, and starts what its restart policy wants up. Returns the containers to start.
 */
export async function restore(context: EngineContext): Promise<ContainerActor[]> {
  const { rooms, index, records } = context;
  const processes = new Map((await rooms.runtime.reattach()).map(process => [process.id, process]));
  const toStart: ContainerActor[] = [];
  const layers = new Set(rooms.snapshots.ids());
  for (const record of await records.load()) {
    // Only the record was durable when the container was made; its empty layer is as good anew.
    for (const [id, topChainId] of snapshotsOf(record)) if (!layers.has(id)) await makeLayer(id, topChainId, context);
    const container = new ContainerActor(record, context);
    index.add(container);
    const next = await restoreOne(container, processes.get(record.id), context).catch(error => {
      context.log.error('A container could not be taken over', { id: record.id, error });
    });
    if (next === 'start') toStart.push(container);
    if (next === 'remove') void container.remove({ force: true, volumes: true, link: false }).catch(() => undefined);
  }
  await rooms.networks.reconcile();
  await sweep(processes, context);
  return toStart;
}

async function makeLayer(id: string, topChainId: ChainId | undefined, { rooms, log }: EngineContext): Promise<void> {
  try {
    await rooms.snapshots.prepare(id, topChainId);
  } catch (error) {
    log.error('A container has lost its layer', { id, error });
  }
}

type Next = 'start' | 'remove' | 'stay';

async function restoreOne(
  container: ContainerActor,
  process: RunningProcess | undefined,
  context: EngineContext,
): Promise<Next> {
  const { record } = container;
  if (isAlive(record.state) && process) {
    container.adopt(await takeOver(container, process, context));
    return 'stay';
  }
  if (process) process.signal(9); // started, and never acknowledged: its end is not the client's business
  const everStarted = record.state.status !== 'created';
  const left = leftBehind(record);
  if (isAlive(record.state)) {
    await container.adoptExit({
      exitCode: lostExitCode,
      finishedAt: new Date(),
      cause: 'the engine was not there when it ended',
    });
  }
  await container.releaseNow();
  if (record.hostConfig.AutoRemove && everStarted) return 'remove';
  const { Name = 'no', MaximumRetryCount = 0 } = record.hostConfig.RestartPolicy ?? {};
  return startsWithEngine({ Name, MaximumRetryCount }, { ...left, everStarted }) ? 'start' : 'stay';
}

function leftBehind(record: ContainerRecord): { exitCode: number; manuallyStopped: boolean; restartCount: number } {
  const { state, manuallyStopped, restartCount } = record;
  const exitCode = 'exitCode' in state ? state.exitCode : lostExitCode;
  const carriedOut = state.status === 'restarting' ? restartCount - 1 : restartCount; // the last one is still to come
  return { exitCode, manuallyStopped, restartCount: carriedOut };
}

/** The keeper still has the process, or its exit: everything around it is opened again. */
async function takeOver(
  { record, hear }: ContainerActor,
  process: RunningProcess,
  context: EngineContext,
): Promise<Live> {
  const { rooms, options } = context;
  for (const { type, name } of record.mounts) if (type === 'volume') rooms.volumes.mounts.adopt(name, record.id);
  await takeOverNetwork(record, process, context);
  const parent = record.hostConfig.CgroupParent || options.cgroupParent;
  const cgroup = rooms.cgroups.open(cgroupsPathOf(record.id, parent));
  const log = await prepareLog(record, context, { patient: true });
  const stdio: StdioSpec = record.config.Tty ? { terminal: true } : fifosOf(record, context);
  return { process, cgroup, ...openStreams(record, process, { stdio, log, hear }, context) };
}

/** A process that has ended meanwhile, or ends just now, has no namespaces left: its network goes with what nobody claims. */
async function takeOverNetwork(
  record: ContainerRecord,
  process: RunningProcess,
  context: EngineContext,
): Promise<void> {
  if (!record.sandbox) return;
  try {
    await context.rooms.networks.reattach(record.id, record.sandbox, process.pid);
  } catch (error) {
    if (await settledWithin(process.exited, deathGraceMs)) return;
    throw error;
  }
}

/** Takes away what has no record: layers, cgroups, run folders, processes. Each even if another fails. */
async function sweep(processes: ReadonlyMap<string, RunningProcess>, context: EngineContext): Promise<void> {
  const { rooms, index, options, log } = context;
  const known = new Set<string>(index.all().map(container => container.id));
  const attempt = async (what: string, id: string, work: () => Promise<void>): Promise<void> => {
    await work().catch(error => log.warn(`A left-over ${what} stays`, { id, error: messageOf(error) }));
  };
  for (const [id, process] of processes) {
    if (known.has(id)) continue;
    process.signal(9);
    rooms.runtime.forget(id);
  }
  for (const id of rooms.snapshots.ids()) {
    if (!known.has(id.replace(/-image\d+$/, ''))) await attempt('layer', id, () => rooms.snapshots.remove(id));
  }
  for (const { record, live } of index.all())
    if (!live) for (const [id] of snapshotsOf(record)) rooms.snapshots.rest(id);
  for (const id of rooms.cgroups.list(options.cgroupParent).map(name => basename(name))) {
    const running = index.all().some(container => container.id === id && container.live);
    if (!running && /^[0-9a-f]{64}$/.test(id)) {
      await attempt('cgroup', id, () => rooms.cgroups.open(`${options.cgroupParent}/${id}`).remove());
    }
  }
  await sweepVolumes(known, context);
  rooms.volumes.mounts.settle(rooms.volumes.list());
  const runs = join(options.execRoot, 'containers');
  for (const id of existsSync(runs) ? readdirSync(runs) : []) {
    if (!known.has(id)) rmSync(join(runs, id), { recursive: true, force: true });
  }
}

/** Volumes without a name that were made for a container which never came to be, or which is gone. */
async function sweepVolumes(known: ReadonlySet<string>, { rooms, index, records, log }: EngineContext): Promise<void> {
  for (const { name, container } of rooms.volumes.list()) {
    if (!container || known.has(container) || records.isPutAside(container)) continue;
    if (index.all().some(({ record }) => record.mounts.some(mount => mount.name === name))) continue;
    log.info('removed a volume that belongs to no container', { volume: name });
    await rooms.volumes.remove(name, { force: true, inUse: [] });
  }
}
