import { closeSync, fdatasync, fdatasyncSync, fsync, fsyncSync, openSync } from 'node:fs';

/** A disk that took less for the last sync is waited for on the spot: a thread would take as long to wake, and again to tell. */
const quickMs = 2;
/** Of syncs that come closer together than this, several share one turn of the disk, if they are in threads. */
const rareMs = 0.8;

const last = { endedAt: Number.NEGATIVE_INFINITY, tookMs: Number.POSITIVE_INFINITY };

/** What was written to these files survives a power cut when this resolves; where that takes long, others work meanwhile. */
export async function syncAndClose(...files: readonly number[]): Promise<void> {
  try {
    await syncAll(files, fsyncSync, fsync);
  } finally {
    for (const file of files) closeSync(file);
  }
}

/** {@link syncAndClose} for a file that stays open and has not grown: then there is nothing to write but its contents. */
export const syncContents = (file: number): Promise<void> => syncAll([file], fdatasyncSync, fdatasync);

type Told = (error: Error | null) => void;

async function syncAll(
  files: readonly number[],
  atOnce: (file: number) => void,
  inThread: (file: number, told: Told) => void,
): Promise<void> {
  const began = performance.now();
  const isShort = last.tookMs < quickMs && began - last.endedAt > rareMs;
  try {
    if (isShort) for (const file of files) atOnce(file);
    else await allOf(files.map(file => told(done => inThread(file, done))));
  } finally {
    last.endedAt = performance.now();
    last.tookMs = last.endedAt - began;
  }
}

/** None is left under way by one that fails. */
async function allOf(syncs: Promise<void>[]): Promise<void> {
  await Promise.allSettled(syncs);
  await Promise.all(syncs);
}

const told = (begin: (done: Told) => void): Promise<void> =>
  new Promise((resolve, reject) => begin(error => (error ? reject(error) : resolve())));

/** Makes a rename, a creation or an unlink in `folder` survive a power cut. */
export const syncFolder = (folder: string): Promise<void> => syncAndClose(openSync(folder, 'r'));

/** {@link syncFolder}, synchronously. */
export function syncFolderSync(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
