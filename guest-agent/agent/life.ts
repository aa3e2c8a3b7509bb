import { mkdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { putOffDone } from '../../base/put-off.ts';
import { type Api, apiVersion, minimumApiVersion, openApi } from '../api/index.ts';
import type { Flags } from '../config/index.ts';
import { type Control, openControl } from '../control/index.ts';
import { type Engine, openEngine, type Rooms } from '../engine/index.ts';
import { keeperProgram, openRuntime, type UserRemap } from '../runtime/index.ts';
import { builderOver } from './builder-over.ts';
import { openRooms } from './open-rooms.ts';
import { programFile, version } from './program.ts';
import { lockRoot } from './root-lock.ts';
import { keepRunFoldersInMemory } from './run-folders.ts';
import { giveBack, removeTraces } from './traces.ts';

/** Engines side by side differ in their bridges, and so in their cgroups. */
const cgroupParentOf = (bridge: string): string => (bridge === 'berth0' ? '/berth' : `/berth-${bridge}`);

/** An engine that answers. */
export interface Agent {
  api: Api;
  engine: Engine;
  rooms: Rooms;
  control: Control | undefined;
}

/** Opens all, from the keeper to the socket. What was opened is given back when a part of it fails. */
export async function start(
  flags: Flags & { remap?: UserRemap },
  log: Log,
  shutdown: (graceSeconds: number) => Promise<void>,
): Promise<Agent> {
  const { execRoot, root, socketPath, machine } = flags;
  if (!machine) lockRoot(root);
  mkdirSync(execRoot, { recursive: true, mode: 0o711 });
  keepRunFoldersInMemory(execRoot, log);
  const opening = openRuntime({
    execRoot,
    keeperProgram: keeperProgram(programFile('keeper.cjs', 'keeper/main.ts')),
    log,
  });
  opening.catch(() => undefined); // whoever awaits it is told
  const control = machine && (await openControl({ settings: machine, execRoot, version, shutdown, log }));
  if (control) await untilPrepared(flags, control, opening);
  const rooms = await openRooms(flags, opening, control?.publisher, log);
  try {
    const engine = await openEngine(rooms, {
      root,
      execRoot,
      cgroupParent: cgroupParentOf(flags.bridge),
      machine: machine !== undefined,
      apiSocket: socketPath,
      serverVersion: version,
      apiVersion,
      minimumApiVersion,
      settings: flags.settings,
      ...(flags.remap ? { remap: flags.remap } : {}),
      log,
      clock: systemClock,
    });
    mkdirSync(dirname(socketPath), { recursive: true });
    const builder = builderOver(rooms, engine, {
      root,
      execRoot,
      settings: () => flags.settings.config.builder,
      log,
    });
    const api = await openApi({ engine, builder, socketPath, version, log });
    control?.ready();
    rooms.images.sweep().catch(error => log.warn('What nobody uses of the images stays', { error }));
    return { api, engine, rooms, control };
  } catch (error) {
    await giveBack(rooms, execRoot, log);
    throw error;
  }
}

/**
 * In a machine all that needs no data disk stands before the host wakes it; that state may be kept, for later boots to
 * begin with.
 */
async function untilPrepared(
  { root, woken, after }: Flags,
  control: Control,
  opening: Promise<unknown>,
): Promise<void> {
  await opening.catch(() => undefined);
  if (woken) await control.untilWoken(woken);
  if (after) await readFile(after);
  lockRoot(root);
}

/**
 * The orderly end: containers stop, and nothing of theirs is left in the kernel. With `live-restore` they stay, as after
 * the engine's death, and the next one takes them over.
 */
export async function end({ api, engine, rooms, control }: Agent, flags: Flags, graceSeconds: number): Promise<void> {
  const all = flags.settings.config['live-restore'] !== true;
  await engine.close({ stopContainers: all, graceSeconds });
  await api.close();
  rooms.volumes.close({ all });
  await rooms.networks.close({ removeAll: all });
  await rooms.runtime.close({ stopKeeper: all });
  await Promise.all([rooms.logs.close(), rooms.archive.close()]);
  await putOffDone();
  rooms.registry.close();
  if (all) await rooms.cgroups.open(cgroupParentOf(flags.bridge)).remove();
  await control?.close();
  rmSync(flags.socketPath, { force: true });
  if (all) removeTraces(flags.execRoot);
}
