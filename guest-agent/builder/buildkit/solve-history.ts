import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonFile, writeJsonFile } from '../../../base/json-file.ts';
import { Mailbox } from '../../../base/mailbox.ts';
import { codes } from './status.ts';

/** A build that was, as clients list it. Times are in ISO 8601. */
export interface HistoryRecord {
  version: 1;
  ref: string;
  frontend: string;
  attributes: Readonly<Record<string, string>>;
  exporters: readonly { Type: string; Attrs: Readonly<Record<string, string>> }[];
  createdAt: string;
  completedAt: string | undefined;
  error: { code: number; message: string } | undefined;
  answer: Readonly<Record<string, string>>;
  steps: { total: number; completed: number; cached: number; warnings: number };
  pinned: boolean;
}

export interface HistoryEvent {
  type: 'started' | 'complete' | 'deleted';
  record: HistoryRecord;
}

/** So many are kept, and those that somebody pinned. */
const most = 50;
/** Of what a build told, so much is kept. */
const logBytes = 2 * 1024 * 1024;

/** Builds that were and that are: a record each on the disk, and what was told of it beside it. */
export class SolveHistory {
  readonly #folder: string;
  readonly #records = new Map<string, HistoryRecord>();
  readonly #disk = new Mailbox();
  /** What was told of builds whose logs are not on the disk yet. */
  readonly #unsaved = new Map<string, readonly Uint8Array[]>();
  readonly #listeners = new Set<(event: HistoryEvent) => void>();

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(folder).filter(each => each.endsWith('.json'))) this.#load(name);
  }

  #load(name: string): void {
    try {
      const record = readJsonFile(join(this.#folder, name)) as HistoryRecord | undefined;
      if (record?.version === 1) this.#records.set(record.ref, ended(record));
    } catch {
      rmSync(join(this.#folder, name), { force: true }); // torn by a crash: one line less in a list
    }
  }

  /** Oldest first. */
  list(): HistoryRecord[] {
    return [...this.#records.values()].sort((left, right) => (left.createdAt < right.createdAt ? -1 : 1));
  }

  get(ref: string): HistoryRecord | undefined {
    return this.#records.get(ref);
  }

  start(record: HistoryRecord): void {
    this.#records.set(record.ref, record);
    this.#tell({ type: 'started', record });
  }

  /** Keeps the record, and what was told of the build as far as there is room; its client does not wait for the disk. */
  finish(record: HistoryRecord, messages: readonly Uint8Array[]): void {
    const { ref } = record;
    this.#records.set(ref, record);
    this.#unsaved.set(ref, messages);
    this.#onDisk(async () => {
      if (!this.#records.has(ref)) return;
      await writeFile(this.#file(ref, 'log'), framed(messages), { mode: 0o600 });
      await writeFile(this.#file(ref, 'json'), JSON.stringify(this.#records.get(ref)), { mode: 0o600 });
      this.#unsaved.delete(ref);
    });
    this.#tell({ type: 'complete', record });
    const old = this.list().filter(({ pinned, completedAt }) => !pinned && completedAt !== undefined);
    for (const { ref } of old.slice(0, Math.max(0, old.length - most))) this.remove(ref);
  }

  async pin(ref: string, pinned: boolean): Promise<void> {
    const record = this.#records.get(ref);
    if (!record) return;
    this.#records.set(ref, { ...record, pinned });
    await this.#disk.run(() => writeJsonFile(this.#file(ref, 'json'), { ...record, pinned }));
  }

  remove(ref: string): void {
    const record = this.#records.get(ref);
    if (!record) return;
    this.#records.delete(ref);
    this.#unsaved.delete(ref);
    this.#onDisk(async () => {
      for (const kind of ['json', 'log']) await rm(this.#file(ref, kind), { force: true });
    });
    this.#tell({ type: 'deleted', record });
  }

  /** What was told of a build that is over; undefined when nothing is known of it. */
  messages(ref: string): readonly Uint8Array[] | undefined {
    if (!this.#records.has(ref)) return undefined;
    const unsaved = this.#unsaved.get(ref);
    if (unsaved) return unsaved;
    try {
      return unframed(readFileSync(this.#file(ref, 'log')));
    } catch {
      return undefined;
    }
  }

  /** Tells of what happens from now on, until the returned function is called. */
  listen(listener: (event: HistoryEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What cannot be kept is a line less in a list. */
  #onDisk(work: () => void | Promise<void>): void {
    this.#disk.run(work).catch(() => undefined);
  }

  #tell(event: HistoryEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Names come from clients. */
  #file(ref: string, kind: string): string {
    return join(this.#folder, `${Buffer.from(ref).toString('hex').slice(0, 128)}.${kind}`);
  }
}

/** One that a crash cut off is over. */
const ended = (record: HistoryRecord): HistoryRecord =>
  record.completedAt
    ? record
    : { ...record, completedAt: record.createdAt, error: { code: codes.unknown, message: '' } };

function framed(messages: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = [];
  let total = 0;
  for (const message of messages) {
    total += message.length;
    if (total > logBytes) break;
    const length = Buffer.alloc(4);
    length.writeUInt32BE(message.length);
    parts.push(length, message);
  }
  return Buffer.concat(parts);
}

function unframed(bytes: Buffer): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    messages.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return messages;
}
