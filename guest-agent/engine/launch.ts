import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type PutOff, putOff } from '../../base/put-off.ts';
import { removeIfSmall } from '../../base/remove-small.ts';
import type { ContainerId } from '../../contracts/brand.ts';
import type { Cgroup } from '../cgroups/index.ts';
import type { OutputListener } from '../logs/index.ts';
import type { Sandbox } from '../networks/index.ts';
import type { RunningProcess } from '../runtime/index.ts';
import { seccompFilterFor } from './confinement.ts';
import { prepareLog, type RunLog } from './container-log.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineContext } from './context.ts';
import { execDirectory } from './exec-directory.ts';
import { lifecycleFor } from './hooks.ts';
import { snapshotsOf } from './image-mounts.ts';
import { holdVolumes } from './mounts.ts';
import { connectRequestOf } from './network-request.ts';
import { runSpec, runUser } from './run-spec.ts';
import { launchedWithStreams, type RunStreams, stdioFor } from './run-streams.ts';
import { assertRuntimeIsHere, defaultRuntimeName } from './runtime-names.ts';
import { cgroupsPathOf } from './runtime-spec.ts';
import { remapOf } from './user-remap.ts';

/** All that exists only while the container's process does. */
export interface Live extends RunStreams {
  process: RunningProcess;
  cgroup: Cgroup;
}

/** A run that has just begun, and the network that its record must remember. */
export interface Launched extends Live {
  sandbox: Sandbox;
}

export interface LaunchOptions {
  consoleSize?: { rows: number; columns: number };
  /** Variables that no record has. */
  secretEnv: readonly string[];
  /** A folder to go on from. */
  checkpoint?: string;
  /** Is told from the first byte on. */
  hear: OutputListener;
}

/**
 * Takes all that a run needs and starts it: network, cgroup, FIFOs, the process, its output. When it throws, what was
 * taken is still there: the caller gives it back by {@link release}, which needs nothing but the id.
 */
export async function launch(
  record: ContainerRecord,
  context: EngineContext,
  options: LaunchOptions,
): Promise<Launched> {
  const preparing = prepareLog(record, context, { patient: false });
  const log = preparing instanceof Promise ? await preparing : preparing;
  try {
    return await launchInto(log, record, context, options);
  } catch (error) {
    void log.driver?.close();
    throw error;
  }
}

async function launchInto(
  log: RunLog,
  record: ContainerRecord,
  context: EngineContext,
  options: LaunchOptions,
): Promise<Launched> {
  const { rooms } = context;
  assertRuntimeIsHere(record.hostConfig.Runtime ?? defaultRuntimeName);
  const execDir = execDirectory(context.options.execRoot, record.id);
  mkdirSync(execDir, { recursive: true, mode: 0o700 });
  const { consoleSize, checkpoint, secretEnv, hear } = options;
  if (record.mounts.some(({ name }) => name !== '')) await holdVolumes(record, context);
  const rootfs = rooms.snapshots.stand(record.id);
  if (checkpoint === undefined && beginsAsUsual(record, context)) rooms.runtime.expectLaunch({ id: record.id, rootfs });
  const connecting = rooms.networks.connect(connectRequestOf(record, context));
  const user = runUser(record, context);
  const sandbox = await connecting;
  const spec = await runSpec(record, { user, sandbox, consoleSize, secretEnv }, context);
  const { cgroupsPath = '' } = spec.linux;
  const root = join(context.options.execRoot, 'rootfs');
  const lifecycle = spec.hooks ? lifecycleFor(record.id, spec, { bundle: execDir, root }) : undefined;
  const { cgroup } = rooms.cgroups.create(cgroupsPath, spec.linux.resources ?? {});
  const stdio = stdioFor(record, execDir, spec, context);
  const launching = rooms.runtime.launch({
    id: record.id,
    spec,
    rootfs,
    lifecycle,
    stdio,
    cgroup: cgroup.join(),
    ...(checkpoint === undefined ? {} : { checkpoint }),
    seccompFilter: seccompFilterFor(record.hostConfig, spec.process.capabilities?.bounding ?? [], context.usualSeccomp),
  });
  const run = await launchedWithStreams(record, launching, { stdio, log, hear }, context);
  return { ...run, cgroup, sandbox };
}

/** A guess: what is begun and does not fit is begun anew. By now all that the host has mounted for it must be there. */
const beginsAsUsual = ({ hostConfig }: ContainerRecord, { options }: EngineContext): boolean =>
  !remapOf(hostConfig, options.remap) &&
  !hostConfig.PidMode &&
  !hostConfig.UTSMode &&
  !/^(host|container:)/.test(hostConfig.IpcMode ?? '');

/**
 * Gives back whatever a run holds, by its id alone and any number of times; each part even if another fails. What is left
 * is empty and in nobody's way but that of the next run: it goes when there is time.
 */
export async function release(record: ContainerRecord, context: EngineContext): Promise<PutOff> {
  const { rooms, options, log } = context;
  const { id } = record;
  rooms.runtime.forget(id);
  for (const [snapshot] of snapshotsOf(record)) rooms.snapshots.rest(snapshot);
  const { CgroupParent: ownParent } = record.hostConfig;
  const cgroup = rooms.cgroups.open(cgroupsPathOf(id, ownParent || options.cgroupParent));
  const leftovers = putOff(async () => {
    await cgroup.remove().catch(error => log.error('Could not release', { id, error }));
    await removeRunFolder(id, context);
  });
  // Of a container that is removed, an engine that starts again finds what is below its own parent only.
  if (ownParent || cgroup.processes().length > 0) await leftovers.now();
  const results = await Promise.allSettled([rooms.networks.release(id), rooms.volumes.mounts.release(id)]);
  for (const result of results) {
    if (result.status === 'rejected') log.error('Could not release', { id, error: result.reason });
  }
  return leftovers;
}

async function removeRunFolder(id: ContainerId, { options, log }: EngineContext): Promise<void> {
  const folder = execDirectory(options.execRoot, id);
  if (removeIfSmall(folder)) return;
  await rm(folder, { recursive: true, force: true }).catch(error => {
    log.error('Could not remove a run folder', { id, error });
  });
}
