import type { Log } from '../../base/log.ts';
import { notImplemented } from '../../contracts/errors.ts';
import type { Snapshots } from './snapshots.ts';

/** Opens the store under `root`, and removes what a crash left half-made. */
export async function openSnapshots(_options: { root: string; log: Log }): Promise<Snapshots> {
  throw notImplemented('snapshots');
}
