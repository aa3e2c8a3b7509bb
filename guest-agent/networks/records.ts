import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { quarantine, readJsonFile, writeJsonFileSync } from '../../base/json-file.ts';
import type { Log } from '../../base/log.ts';
import { syncFolder } from '../../base/sync.ts';
import type { NetworkId } from '../../contracts/brand.ts';
import { invalidArgument, notFound } from '../../contracts/errors.ts';
import type { NetworkRecord } from './contract.ts';

export const newNetworkId = (): NetworkId => randomBytes(32).toString('hex') as NetworkId;

/** The networks' records: one file each in `<root>`, all of them in memory. */
export class NetworkRecords {
  readonly #root: string;
  readonly #byId = new Map<string, NetworkRecord>();

  constructor(root: string, log: Log) {
    this.#root = root;
    mkdirSync(root, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(root).filter(name => /^[0-9a-f]{64}\.json$/.test(name))) this.#load(file, log);
  }

  list(): NetworkRecord[] {
    return [...this.#byId.values()].sort((one, other) => (one.createdAt < other.createdAt ? -1 : 1));
  }

  findByName(name: string): NetworkRecord | undefined {
    return this.list().find(record => record.name === name);
  }

  /** By name, id, or a prefix of one id. @throws not-found, invalid-argument when a prefix is ambiguous */
  get(ref: string): NetworkRecord {
    const exact = this.#byId.get(ref) ?? this.findByName(ref);
    if (exact) return exact;
    const matches = ref === '' ? [] : this.list().filter(record => record.id.startsWith(ref));
    if (matches.length > 1)
      throw invalidArgument(`network ${ref} is ambiguous (${matches.length} matches found based on ID prefix)`);
    if (!matches[0]) throw notFound(`network ${ref} not found`);
    return matches[0];
  }

  /** Durable when it returns. */
  save(record: NetworkRecord): void {
    writeJsonFileSync(this.#pathOf(record), record);
    this.#byId.set(record.id, record);
  }

  async remove(record: NetworkRecord): Promise<void> {
    this.#byId.delete(record.id);
    rmSync(this.#pathOf(record), { force: true });
    await syncFolder(this.#root);
  }

  #load(file: string, log: Log): void {
    const path = join(this.#root, file);
    try {
      const record = readJsonFile(path) as NetworkRecord;
      if (record.version !== 1 || `${record.id}.json` !== file || typeof record.name !== 'string')
        throw new Error('not a record of a network');
      this.#byId.set(record.id, record);
    } catch (error) {
      log.error('a network cannot be read and is put aside', {
        error,
        kept: quarantine(path, join(this.#root, 'quarantine')),
      });
    }
  }

  #pathOf = (record: NetworkRecord): string => join(this.#root, `${record.id}.json`);
}
