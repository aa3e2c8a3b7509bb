import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { AccountCache } from './account-files.ts';
import { Checkpoints } from './checkpoints.ts';
import { readUsualSeccomp } from './confinement.ts';
import type { ContainerActor } from './container.ts';
import { ContainerService } from './container-service.ts';
import { ContainerIndex } from './containers-index.ts';
import type { EngineContext } from './context.ts';
import type { Engine } from './engine.ts';
import { Events } from './events.ts';
import { ExecIndex } from './exec.ts';
import { ImageService } from './image-service.ts';
import { NetworkService } from './network-service.ts';
import { RecordStore } from './record-store.ts';
import { restore } from './restore.ts';
import type { EngineOptions, Rooms } from './rooms.ts';
import { System } from './system.ts';
import { VolumeService } from './volume-service.ts';

/** Builds the engine over its rooms, takes over what an earlier one left, and starts what wants to be up. */
export async function openEngine(rooms: Rooms, options: EngineOptions): Promise<Engine> {
  if (options.remap && rooms.snapshots.driver !== 'overlay2') {
    throw new Error('userns-remap needs overlayfs: a root that is a copy belongs to the users of its image');
  }
  mkdirSync(join(options.execRoot, 'containers'), { recursive: true, mode: 0o711 });
  const log = options.log.child('engine');
  const context: EngineContext = {
    rooms,
    options,
    records: new RecordStore(options.root, log),
    index: new ContainerIndex<ContainerActor>(),
    execs: new ExecIndex(),
    events: new Events(options.clock),
    accounts: new AccountCache(rooms.snapshots),
    usualSeccomp: readUsualSeccomp(options.settings.config['seccomp-profile']),
    log,
  };
  const toStart = await restore(context);
  for (const container of toStart) container.startWithEngine();
  for (const room of [rooms.snapshots, context.records]) room.makeAhead();
  return assemble(context);
}

function assemble(context: EngineContext): Engine {
  const images = new ImageService(context);
  const volumes = new VolumeService(context);
  return {
    experimental: context.options.settings.config.experimental ?? false,
    containers: new ContainerService(context),
    checkpoints: new Checkpoints(context),
    execs: context.execs,
    images,
    networks: new NetworkService(context),
    volumes,
    events: context.events,
    system: new System(context, images, volumes),
    close: async ({ stopContainers, graceSeconds }) => {
      if (stopContainers) {
        await Promise.allSettled(context.index.all().map(container => container.endForEngine(graceSeconds)));
      }
      await context.records.close();
    },
  };
}
