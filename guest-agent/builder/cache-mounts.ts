import { createHash } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonFile, writeJsonFile } from '../../base/json-file.ts';
import { Mailbox } from '../../base/mailbox.ts';
import type { RunMount } from './run-mounts.ts';

/** What is known of a folder that `--mount=type=cache` keeps between builds. */
export interface CacheMountRecord {
  version: 1;
  /** Its folder's name. */
  name: string;
  /** What the Dockerfile calls it. */
  id: string;
  createdAt: string;
  lastUsedAt: string;
  usageCount: number;
}

/** A folder that a step has until `release`. */
export interface TakenCache {
  path: string;
  release(): void;
}

/** The folders that outlive builds: the files in `<name>/data`, and a record beside them. */
export class CacheMounts {
  readonly #folder: string;
  readonly #users = new Map<string, number>();
  readonly #locks = new Map<string, Mailbox>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Runs `work` alone among the steps that lock one of these caches; in the order of their names, so that none waits in a ring. */
  alone<T>(mounts: readonly RunMount[], work: () => Promise<T>): Promise<T> {
    const locked = mounts.filter(({ type, sharing }) => type === 'cache' && sharing === 'locked');
    const names = [...new Set(locked.map(nameOf))].sort();
    return names.reduceRight((inner, name) => () => this.#lockOf(name).run(inner), work)();
  }

  #lockOf(name: string): Mailbox {
    const lock = this.#locks.get(name) ?? new Mailbox();
    this.#locks.set(name, lock);
    return lock;
  }

  /** The folder of a mount; a `private` one that somebody has is left to him. `fill` lays out what a new one begins with. */
  async take(mount: RunMount, fill: (path: string) => Promise<void>): Promise<TakenCache> {
    const name = mount.sharing === 'private' ? this.#unused(nameOf(mount)) : nameOf(mount);
    this.#users.set(name, (this.#users.get(name) ?? 0) + 1);
    const release = (): void => {
      const left = (this.#users.get(name) ?? 1) - 1;
      if (left > 0) this.#users.set(name, left);
      else this.#users.delete(name);
    };
    try {
      const path = join(this.#folder, name, 'data');
      if (!existsSync(path)) await this.#make(path, mount, fill);
      await this.#note(name, mount.id || mount.target);
      return { path, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  #unused(name: string): string {
    for (let number = 0; ; number++) {
      const candidate = number === 0 ? name : `${name}-${number}`;
      if (!this.#users.has(candidate)) return candidate;
    }
  }

  async #make(path: string, mount: RunMount, fill: (path: string) => Promise<void>): Promise<void> {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    await fill(path);
    chownSync(path, mount.uid, mount.gid);
    chmodSync(path, mount.mode ?? 0o755);
  }

  async #note(name: string, id: string): Promise<void> {
    const now = new Date().toISOString();
    const { createdAt = now, usageCount = 0 } = this.#recordOf(name) ?? {};
    const record: CacheMountRecord = { version: 1, name, id, createdAt, lastUsedAt: now, usageCount: usageCount + 1 };
    await writeJsonFile(join(this.#folder, name, 'record.json'), record);
  }

  #recordOf(name: string): CacheMountRecord | undefined {
    try {
      return readJsonFile(join(this.#folder, name, 'record.json')) as CacheMountRecord | undefined;
    } catch {
      return undefined; // torn by a crash: what is in the folder counts all the same
    }
  }

  list(): (CacheMountRecord & { path: string; inUse: boolean })[] {
    if (!existsSync(this.#folder)) return [];
    const unknown = new Date(0).toISOString();
    return readdirSync(this.#folder).map(name => ({
      ...(this.#recordOf(name) ?? { version: 1, name, id: '', createdAt: unknown, lastUsedAt: unknown, usageCount: 0 }),
      path: join(this.#folder, name, 'data'),
      inUse: this.#users.has(name),
    }));
  }

  drop(name: string): void {
    rmSync(join(this.#folder, name), { recursive: true, force: true });
  }
}

/** Caches that begin with different files are different. */
const nameOf = ({ id, target, from, source }: RunMount): string =>
  createHash('sha256')
    .update(JSON.stringify(from === '' ? [id || target] : [id || target, from, source]))
    .digest('hex');
