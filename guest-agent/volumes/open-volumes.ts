import type { Log } from '../../base/log.ts';
import { notImplemented } from '../../contracts/errors.ts';
import type { TreeCopier, Volumes } from './volumes.ts';

/** Opens the volumes under `root`. */
export async function openVolumes(_options: { root: string; copier: TreeCopier; log: Log }): Promise<Volumes> {
  throw notImplemented('volumes');
}
