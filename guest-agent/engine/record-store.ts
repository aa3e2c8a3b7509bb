import { closeSync, existsSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { quarantine } from '../../base/json-file.ts';
import { appendDocument, readLastDocument } from '../../base/json-lines.ts';
import type { Log } from '../../base/log.ts';
import { ReadyFolders } from '../../base/ready-folders.ts';
import { removeLater } from '../../base/remove-later.ts';
import type { ContainerId } from '../../contracts/brand.ts';
import { makeHostFiles } from '../networks/index.ts';
import type { ContainerRecord } from './container-record.ts';
import { type JournalEntry, type JournalOptions, RecordJournal, type SavedRecord } from './record-journal.ts';

const fileName = 'container.jsonl';
const folderMode = 0o710;

/** The records' folder, `<root>/containers`, and their journal. */
export class RecordStore {
  readonly #root: string;
  readonly #quarantine: string;
  readonly #log: Log;
  readonly #journal: RecordJournal;
  readonly #ready: ReadyFolders;
  readonly #revisions = new Map<ContainerId, number>();

  constructor(root: string, log: Log, journal: Pick<JournalOptions, 'bytes' | 'sync'> = {}) {
    this.#root = join(root, 'containers');
    this.#quarantine = join(root, 'quarantine');
    this.#log = log;
    this.#journal = new RecordJournal(join(root, 'journal'), { ...journal, settle: ids => this.#settle(ids), log });
    this.#ready = new ReadyFolders(this.#root, { fill: makeFiles, mode: folderMode, log });
    mkdirSync(this.#root, { recursive: true, mode: folderMode });
  }

  /** `<root>/containers/<id>`: record, log, hosts, resolv.conf, hostname. */
  directory(id: ContainerId): string {
    return join(this.#root, id);
  }

  /** From now on folders for containers are made beforehand, when there is time. */
  makeAhead(): void {
    this.#ready.open();
  }

  /** A new container: its record is durable when this resolves. Whatever fails, nothing of it is left. */
  async create(record: ContainerRecord): Promise<void> {
    const folder = this.directory(record.id);
    const saved = { ...record, revision: 1 };
    this.#ready.become(folder, draft => appendDocument(join(draft, fileName), saved));
    try {
      await this.#journal.append({ record: saved });
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
    this.#revisions.set(record.id, saved.revision);
  }

  /**
   * It is written when this returns, and it is on the disk when the promise resolves: with `durable` once it survives a
   * power cut, else at once, and on the disk when the kernel likes. @throws what kept it from being written
   */
  save(record: ContainerRecord, durable: boolean): Promise<void> {
    const saved = this.#next(record);
    appendDocument(this.#path(record.id), saved);
    return durable ? this.#journal.append({ record: saved }) : Promise.resolve();
  }

  /** Forgets the container for good; what is left of its folder goes soon, or at the next start. */
  async remove(id: ContainerId): Promise<void> {
    const gone = this.#takeAway(id);
    try {
      await this.#journal.append({ removed: id });
    } catch (error) {
      renameSync(gone, this.directory(id));
      throw error;
    }
    this.#revisions.delete(id);
    this.#dropLater(gone, id);
  }

  /** All readable records, after what the journal has of them is carried over; the others are put aside and told to the log. */
  async load(): Promise<ContainerRecord[]> {
    for (const entry of readdirSync(this.#root))
      if (entry.startsWith('.')) rmSync(join(this.#root, entry), { recursive: true, force: true });
    await this.#journal.replay(entries => {
      for (const entry of entries) this.#replay(entry);
    });
    const ids = readdirSync(this.#root).filter(entry => !entry.startsWith('.')); // what was removed just now goes when there is time
    return ids.flatMap(id => this.#loadOne(id as ContainerId));
  }

  /** Whether its record could not be read: what belongs to it may be wanted back. */
  isPutAside(id: string): boolean {
    return existsSync(this.#quarantine) && readdirSync(this.#quarantine).some(name => name.includes(id));
  }

  /** Everything is in its own place then, and nothing that is nobody's is left. */
  async close(): Promise<void> {
    this.#ready.close();
    await this.#journal.close().catch(error => this.#log.warn('The journal of container records stays', { error }));
  }

  #next(record: ContainerRecord): SavedRecord {
    const revision = (this.#revisions.get(record.id) ?? 0) + 1;
    this.#revisions.set(record.id, revision);
    return { ...record, revision };
  }

  #takeAway(id: ContainerId): string {
    const gone = join(this.#root, `.removed-${id}`);
    renameSync(this.directory(id), gone);
    return gone;
  }

  #dropLater(gone: string, id: ContainerId): void {
    void removeLater(gone).catch(error => this.#log.warn('A removed container left files', { id, error }));
  }

  /** Where the files have come as far as the journal, as after a mere death of the engine, nothing changes. */
  #replay(entry: JournalEntry): void {
    if ('removed' in entry) {
      if (existsSync(this.directory(entry.removed))) this.#dropLater(this.#takeAway(entry.removed), entry.removed);
      return;
    }
    const { id, revision = 0 } = entry.record;
    if (this.#revisionOnDisk(id) >= revision) return;
    mkdirSync(this.directory(id), { recursive: true, mode: folderMode });
    appendDocument(this.#path(id), entry.record);
  }

  /** Of a record that is not there, or is torn: less than any. */
  #revisionOnDisk(id: ContainerId): number {
    try {
      const { revision = 0 } = (readLastDocument(this.#path(id)) ?? { revision: -1 }) as SavedRecord;
      return revision;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return -1;
    }
  }

  /** One after the other: nobody waits, or else the disk is slow, and others need its threads. */
  async #settle(ids: ReadonlySet<ContainerId>): Promise<void> {
    for (const path of [...[...ids].map(id => this.#path(id)), this.#root]) await syncIfThere(path);
  }

  #loadOne(id: ContainerId): ContainerRecord[] {
    try {
      const value = readLastDocument(this.#path(id));
      if (value === undefined && this.#isUnborn(id)) {
        rmSync(this.directory(id), { recursive: true });
        return [];
      }
      if (value === undefined) throw new Error('there is no record');
      const { revision = 0, ...record } = checkRecord(value, id);
      this.#revisions.set(id, revision);
      return [record];
    } catch (error) {
      const where = quarantine(this.directory(id), this.#quarantine);
      this.#log.error('A container record cannot be read and was put aside', { id, where, error });
      return [];
    }
  }

  /** A power cut came before its record was on the disk: nobody was told that it is there. */
  #isUnborn(id: ContainerId): boolean {
    return readdirSync(this.directory(id)).every(name => statSync(join(this.directory(id), name)).size === 0);
  }

  #path(id: ContainerId): string {
    return join(this.#root, id, fileName);
  }
}

/** All that a container has in its folder when it runs, but for its log, which is there once it has said something. */
function makeFiles(folder: string): void {
  closeSync(openSync(join(folder, fileName), 'a', 0o600));
  makeHostFiles(folder);
}

async function syncIfThere(path: string): Promise<void> {
  try {
    await using file = await open(path);
    await file.sync();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Records of other versions are migrated here, by pure functions. */
function checkRecord(value: unknown, id: ContainerId): SavedRecord {
  const record = value as SavedRecord;
  if (record?.version !== 1) throw new Error(`unknown version ${record?.version}`);
  if (record.id !== id || typeof record.name !== 'string' || !record.config || !record.hostConfig || !record.state) {
    throw new Error('the record is not whole');
  }
  return record;
}
