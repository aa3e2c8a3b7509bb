import { readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../../base/log.ts';
import type { Rooms } from '../engine/index.ts';
import { dropRunFolders } from './run-folders.ts';

/** What of a start that failed may stand; the other rooms hold nothing that outlives the process. */
type Opened = { [Room in 'networks' | 'runtime']: Rooms[Room] | undefined };

/**
 * After a start that failed: nothing of it stays, but for what an earlier engine's containers live from. It throws nothing,
 * for why the start failed is to be told.
 */
export async function giveBack(opened: Opened, execRoot: string, log: Log): Promise<void> {
  try {
    await close(opened, execRoot);
  } catch (error) {
    log.warn('What a start that failed had opened stays', { error });
  }
}

async function close({ networks, runtime }: Opened, execRoot: string): Promise<void> {
  const removeAll = runtime === undefined || (await runtime.reattach()).length === 0;
  await networks?.close({ removeAll });
  await runtime?.close({ stopKeeper: removeAll });
  if (removeAll) removeTraces(execRoot);
}

/** Removes what an engine whose containers are gone still has under its `execRoot`. */
export function removeTraces(execRoot: string): void {
  const leftovers = [
    'engine.pid',
    'build',
    'containers',
    'rootfs',
    'netns',
    'keeper.sock',
    'keeper.lock',
    'keeper.log',
  ];
  dropRunFolders(execRoot);
  for (const name of leftovers) rmSync(join(execRoot, name), { recursive: true, force: true });
  removeIfEmpty(execRoot);
}

/** In the machine other things live there. */
function removeIfEmpty(folder: string): void {
  if (readdirSync(folder).length === 0) rmdirSync(folder);
}
