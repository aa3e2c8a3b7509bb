import { mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { tryLock } from '../syscalls/process.ts';

/** Two engines on one root would destroy each other's records. The lock goes with the process. @throws Error when there is one already */
export function lockRoot(root: string): void {
  mkdirSync(root, { recursive: true, mode: 0o711 });
  const lock = openSync(join(root, 'engine.lock'), 'a', 0o600);
  if (!tryLock(lock)) throw new Error(`another engine runs on ${root}`);
}
