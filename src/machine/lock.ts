import { createHash } from 'node:crypto';
import { linkSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { conflict } from '../../contracts/errors.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';

/** Something that only one process has at a time, and that nobody has once that process is dead, however it died. */
export interface Lock {
  release(): Promise<void>;
}

/**
 * Makes this process the only host of the machine in `folder`. Where the kernel has names that die with their owner
 * (Linux: abstract unix sockets, unix(7); Windows: named pipes) such a name is the lock; elsewhere a file with a proof of life.
 * @throws conflict when another process has it.
 */
export function acquireLock(folder: string): Promise<Lock> {
  if (process.platform === 'darwin') return Promise.resolve(acquireFileLock(join(folder, 'lock')));
  const name = `berth-${createHash('sha256').update(realpathSync(folder)).digest('hex').slice(0, 32)}`;
  return acquireNameLock(process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : `\0${name}`);
}

const inUse = (who = ''): Error =>
  conflict(
    `This machine is run by another berth program${who} already: \`berth status\` shows it, \`berth down\` ends it`,
  );

function acquireNameLock(name: string): Promise<Lock> {
  const server = createServer(socket => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(error.code === 'EADDRINUSE' ? inUse() : error));
    server.listen(name, () => {
      server.unref();
      resolve({ release: () => new Promise(done => server.close(() => done())) });
    });
  });
}

/**
 * A lock as a file that names its owner. It appears whole (link(2) of a finished file fails if there is one), and a dead
 * owner's file is moved away first; who then finds that it moved a living one's puts it back.
 */
export function acquireFileLock(path: string, owner: ProcessIdentity = identify(process.pid)): Lock {
  const mine = `${path}.${owner.pid}`;
  writeFileSync(mine, JSON.stringify(owner), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      if (linked(mine, path)) return { release: async () => rmSync(path, { force: true }) };
      const holder = ownerOf(path);
      if (holder && isAlive(holder)) throw inUse(` (process ${holder.pid})`);
      moveAway(path, `${path}.stale.${owner.pid}`, holder);
    }
    throw inUse();
  } finally {
    rmSync(mine, { force: true });
  }
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function ownerOf(path: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

function moveAway(path: string, aside: string, expected: ProcessIdentity | undefined): void {
  try {
    renameSync(path, aside);
  } catch {
    return; // another contender was quicker
  }
  const moved = ownerOf(aside);
  if (moved && isAlive(moved) && moved.pid !== expected?.pid) linked(aside, path);
  rmSync(aside, { force: true });
}
