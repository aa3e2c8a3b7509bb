import { join } from 'node:path';
import type { Log } from '../../base/log.ts';
import type { LoadBuilder } from '../api/index.ts';
import { type Engine, ownerInRoot, type Rooms } from '../engine/index.ts';

/** The builder and all that it needs are read from the disk when somebody builds. */
export function builderOver(
  rooms: Rooms,
  engine: Engine,
  {
    root,
    execRoot,
    settings,
    log,
  }: { root: string; execRoot: string; settings: () => Record<string, unknown> | undefined; log: Log },
): LoadBuilder {
  const load = async () => {
    const room = await import('../builder/index.ts');
    const builder = await room.Builder.open({
      ...rooms,
      root: join(root, 'builder'),
      execRoot,
      containers: engine.containers,
      resolveOwner: ownerInRoot,
      emit: news => engine.events.emit(news),
      settings,
      log,
    });
    return { ...room, builder };
  };
  let loading: ReturnType<typeof load> | undefined;
  return () => {
    loading ??= load().catch(error => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
}
