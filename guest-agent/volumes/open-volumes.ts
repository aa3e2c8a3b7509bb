import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { quarantine, readJsonFile, writeJsonFile } from '../../base/json-file.ts';
import type { Log } from '../../base/log.ts';
import { Mailbox } from '../../base/mailbox.ts';
import { SingleFlight } from '../../base/single-flight.ts';
import { syncFolder } from '../../base/sync.ts';
import { conflict, notFound } from '../../contracts/errors.ts';
import { removeTree } from '../syscalls/remove-tree.ts';
import { Contents } from './contents.ts';
import { checkDriverOptions } from './driver-mount.ts';
import { checkListFilters, checkPruneFilters, isPrunable, matches } from './filters.ts';
import { checkVolumeName } from './names.ts';
import { populate, settlePopulation } from './populate.ts';
import { settleReplacement } from './replace.ts';
import { HeldMounts, unmountAll } from './volume-mounts.ts';
import type { TreeCopier, Volume, VolumeCreateRequest, VolumeFilters, Volumes, VolumeUses } from './volumes.ts';

interface VolumeDocument {
  version: 1;
  name: string;
  createdAt: string;
  labels: Record<string, string>;
  options: Record<string, string>;
  anonymous: boolean;
  container?: string;
}

export interface VolumesOptions {
  root: string;
  copier: TreeCopier;
  /** The program of the thread for mounts that may take long (`mount-worker.ts`, or its bundle). */
  mountWorkerFile: string;
  log: Log;
}

/** Opens the volumes under `root`; what a crash left half-made is removed, a record that cannot be read put aside. */
export async function openVolumes(options: VolumesOptions): Promise<Volumes> {
  mkdirSync(options.root, { recursive: true, mode: 0o700 });
  return new LocalVolumes(options);
}

class LocalVolumes implements Volumes {
  readonly #root: string;
  readonly #copier: TreeCopier;
  readonly #log: Log;
  readonly mounts: HeldMounts;
  readonly contents: Contents;
  readonly #volumes = new Map<string, Volume>();
  /** One for all: volumes are made and removed rarely, and a prune must not race a create. */
  readonly #mailbox = new Mailbox();
  readonly #populating = new SingleFlight<string, void>();

  constructor({ root, copier, mountWorkerFile, log }: VolumesOptions) {
    this.#root = root;
    this.#copier = copier;
    this.#log = log;
    this.mounts = new HeldMounts({ find: name => this.#volumes.get(name), workerFile: mountWorkerFile });
    this.contents = new Contents({ get: name => this.get(name), copier, mounts: this.mounts });
    for (const name of readdirSync(root)) this.#load(name);
  }

  #load(name: string): void {
    const folder = join(this.#root, name);
    if (name === '.quarantine') return;
    if (name.startsWith('.')) {
      rmSync(folder, { recursive: true, force: true });
      return;
    }
    this.#settle(name);
    const record = join(folder, 'volume.json');
    try {
      const document = readJsonFile(record);
      if (isVolumeDocument(document) && document.name === name) this.#volumes.set(name, this.#toVolume(document));
      else throw new Error('not a volume');
    } catch (error) {
      // The data stays, under a record made anew: a torn record must not lose a database.
      this.#log.warn('the record of a volume cannot be read', { volume: name, error });
      if (existsSync(record)) quarantine(record, join(this.#root, '.quarantine'));
      if (existsSync(join(folder, '_data'))) this.#volumes.set(name, this.#toVolume(newDocument(name)));
    }
  }

  #settle(name: string): void {
    try {
      settleReplacement(join(this.#root, name));
      settlePopulation(join(this.#root, name));
    } catch (error) {
      this.#log.warn('a volume did not get all that was given to it', { volume: name, error });
    }
  }

  #toVolume({ version: _, createdAt, ...document }: VolumeDocument): Volume {
    const mountpoint = join(this.#root, document.name, '_data');
    return { ...document, driver: 'local', mountpoint, createdAt: new Date(createdAt) };
  }

  list(filters: VolumeFilters = {}, uses: VolumeUses = () => []): Volume[] {
    checkListFilters(filters);
    const all = [...this.#volumes.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
    return all.filter(volume => matches(volume, filters, uses));
  }

  find(name: string): Volume | undefined {
    return this.#volumes.get(name);
  }

  get(name: string): Volume {
    const volume = this.#volumes.get(name);
    if (!volume) throw notFound(`get ${name}: no such volume`);
    return volume;
  }

  dataPath(name: string): string {
    return this.get(name).mountpoint;
  }

  create(request: VolumeCreateRequest): Promise<Volume> {
    return this.#mailbox.run(() => this.#createNow(request));
  }

  async #createNow(request: VolumeCreateRequest): Promise<Volume> {
    const { driver = '', driverOpts = {}, labels = {}, container } = request;
    const anonymous = !request.name;
    const name = request.name || randomBytes(32).toString('hex');
    if (driver !== '' && driver !== 'local') {
      throw notFound(`create ${name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`);
    }
    checkVolumeName(name);
    checkDriverOptions(name, driverOpts);
    const existing = this.#volumes.get(name);
    if (existing) return existing;
    const document: VolumeDocument = {
      ...newDocument(name),
      labels: anonymous ? { ...labels, 'com.docker.volume.anonymous': '' } : labels,
      options: driverOpts,
      anonymous,
      ...(anonymous && container ? { container } : {}),
    };
    await this.#write(document);
    const volume = this.#toVolume(document);
    this.#volumes.set(volume.name, volume);
    return volume;
  }

  async #write(document: VolumeDocument): Promise<void> {
    const draft = join(this.#root, `.${document.name}.new`);
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { mode: 0o701 });
    mkdirSync(join(draft, '_data'), { mode: 0o755 });
    await writeJsonFile(join(draft, 'volume.json'), document);
    renameSync(draft, join(this.#root, document.name));
    await syncFolder(this.#root);
  }

  remove(name: string, { force, inUse }: { force: boolean; inUse: string[] }): Promise<void> {
    return this.#mailbox.run(async () => {
      if (!this.#volumes.has(name)) {
        if (force) return;
        this.get(name);
      }
      if (inUse.length > 0) throw conflict(`remove ${name}: volume is in use - [${inUse.join(', ')}]`);
      await this.#removeNow(name);
    });
  }

  /** Renamed away first: a half-removed volume never comes back under its name. */
  async #removeNow(name: string): Promise<void> {
    unmountAll(this.dataPath(name)); // nobody holds it, and what it shows is not ours to remove
    const gone = join(this.#root, `.${name}.removed-${randomBytes(4).toString('hex')}`);
    renameSync(join(this.#root, name), gone);
    this.#volumes.delete(name);
    await syncFolder(this.#root);
    await rm(gone, { recursive: true, force: true }).catch(() => removeTree(gone));
  }

  letGo(name: string): Promise<void> {
    return this.#mailbox.run(async () => {
      if (!this.#volumes.get(name)?.container) return;
      const record = join(this.#root, name, 'volume.json');
      const { container: _, ...document } = readJsonFile(record) as VolumeDocument;
      await writeJsonFile(record, document);
      this.#volumes.set(name, this.#toVolume(document));
    });
  }

  prune(filters: VolumeFilters, uses: VolumeUses): Promise<{ deleted: string[]; spaceReclaimed: number }> {
    checkPruneFilters(filters);
    return this.#mailbox.run(async () => {
      const deleted: string[] = [];
      let spaceReclaimed = 0;
      for (const volume of this.list()) {
        if (!isPrunable(volume, filters) || uses(volume.name).length > 0) continue;
        spaceReclaimed += await this.size(volume.name);
        await this.#removeNow(volume.name);
        deleted.push(volume.name);
      }
      return { deleted, spaceReclaimed };
    });
  }

  populate(name: string, root: string, path: string): Promise<void> {
    const target = this.dataPath(name);
    return this.#populating.run(name, async () => {
      if ((await readdir(target)).length > 0) return;
      if (this.mounts.isNeeded(name)) return this.#copier.copyTree({ root, path, target });
      await populate(join(this.#root, name), draft => this.#copier.copyTree({ root, path, target: draft }));
    });
  }

  async size(name: string): Promise<number> {
    return sizeBelow(this.dataPath(name), new Set());
  }

  close({ all }: { all: boolean }): void {
    if (all) for (const { name, mountpoint } of this.list()) if (this.mounts.isNeeded(name)) unmountAll(mountpoint);
  }
}

const newDocument = (name: string): VolumeDocument => ({
  version: 1,
  name,
  createdAt: new Date().toISOString(),
  labels: {},
  options: {},
  anonymous: false,
});

function isVolumeDocument(value: unknown): value is VolumeDocument {
  if (typeof value !== 'object' || value === null) return false;
  const { version, name, createdAt, labels, options } = value as Partial<Record<keyof VolumeDocument, unknown>>;
  const isRecord = (part: unknown): boolean => typeof part === 'object' && part !== null;
  return (
    version === 1 && typeof name === 'string' && typeof createdAt === 'string' && isRecord(labels) && isRecord(options)
  );
}

/** Files come and go meanwhile: what cannot be read counts nothing. */
async function sizeBelow(folder: string, seen: Set<string>): Promise<number> {
  let total = 0;
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      total += await sizeBelow(path, seen);
      continue;
    }
    const status = await lstat(path).catch(() => undefined);
    const identity = `${status?.dev}:${status?.ino}`;
    if (!status || (status.nlink > 1 && seen.has(identity))) continue;
    seen.add(identity);
    total += status.size;
  }
  return total;
}
