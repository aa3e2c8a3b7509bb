import { chmodSync, chownSync, lstatSync, rmSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { conflict } from '../../contracts/errors.ts';

/** Who may talk to the engine: whoever can, is root. */
export interface SocketAccess {
  /** Bits as for chmod(2); 0600 unless told otherwise. */
  mode?: number;
  /** A numeric group that gets the socket, with mode 0660. */
  group?: number;
}

/** True when a process listens at `path`. */
function answers(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

/**
 * Removes the socket that an engine left which was killed.
 * @throws conflict when one is alive there, or when something that is no socket is in the way
 */
async function clear(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw conflict(`can't create unix socket ${path}: a file that is no socket is there`);
  if (await answers(path)) throw conflict(`can't create unix socket ${path}: another engine answers there`);
  rmSync(path, { force: true });
}

/** Listens on a unix socket that nobody else can open at any time, not even between bind(2) and chmod(2). */
export async function listenOn(server: Server, path: string, access: SocketAccess): Promise<void> {
  await clear(path);
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path, backlog: 511 }, () => {
        server.off('error', reject);
        resolve();
      });
      // The bind is synchronous, so the mask need not outlive this turn of the loop.
      process.umask(before);
    });
  } finally {
    process.umask(before);
  }
  if (access.group !== undefined) chownSync(path, -1, access.group);
  chmodSync(path, access.mode ?? (access.group === undefined ? 0o600 : 0o660));
}
