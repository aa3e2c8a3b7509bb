import type { Log } from '../../base/log.ts';
import { notImplemented } from '../../contracts/errors.ts';
import type { Archive } from './archive.ts';

/** Opens the room. `workerFile` is the program of its threads (`worker.ts`, or its bundle). */
export function openArchive(_options: { workerFile: string; log: Log }): Archive {
  throw notImplemented('archive');
}
