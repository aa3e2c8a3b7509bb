import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../../base/log.ts';
import { Mailbox } from '../../base/mailbox.ts';
import { syncContents } from '../../base/sync.ts';
import type { ContainerId } from '../../contracts/brand.ts';
import type { ContainerRecord } from './container-record.ts';
import { JournalFile, type JournalLine, readJournalLines } from './journal-file.ts';

/** A record as it is on the disk; `revision` counts how often it has been saved. Absent: it is from before there was a journal. */
export type SavedRecord = ContainerRecord & { revision?: number };

/** What a journal says of a container. */
export type JournalEntry = { record: SavedRecord } | { removed: ContainerId };

/** All that stands before it is durable in its own place. */
const settledMark = JSON.stringify({ settled: true });

export interface JournalOptions {
  /** Makes what was written or removed of these containers durable in its own place. */
  settle: (ids: ReadonlySet<ContainerId>) => Promise<void>;
  log: Log;
  /** Of each of the two files. */
  bytes?: number;
  sync?: (file: number) => Promise<void>;
}

/** One of the two files, and of whom its lines speak. */
interface Half {
  file: JournalFile;
  ids: Set<ContainerId>;
  /** Once it is full. */
  settling?: Promise<void>;
}

/** What was found in the folder, and where one goes on: in the older file, with a number beyond all that stand in them. */
interface Found {
  lines: JournalLine[];
  older: string;
  newer: string;
  number: number;
}

const usualBytes = 512 << 10;

/**
 * What must survive a power cut is written here, and need not be durable in its own place yet: records are files that grow,
 * move and go, each of which is a commit of the file system's own journal; a line in a file that keeps its size is one write.
 *
 * Two files take turns. Before one is written anew, what its lines speak of has become durable in its own place, which
 * begins as soon as it is full. Numbers only grow: by them one tells what a file still has of an earlier turn, and which
 * file is the older. What stands before a line that says `settled` does not count any more.
 */
export class RecordJournal {
  readonly #folder: string;
  readonly #options: JournalOptions;
  readonly #bytes: number;
  /** Entries are written in the order in which they came, also when one has to wait for a file. */
  readonly #mailbox = new Mailbox();
  #found: Found | undefined;
  #halves: { active: Half; other: Half } | undefined;
  #closed = false;

  constructor(folder: string, options: JournalOptions) {
    this.#folder = folder;
    this.#options = options;
    this.#bytes = options.bytes ?? usualBytes;
  }

  /**
   * Hands over what an engine has left that did not end in order, the last word on each container; once that is settled,
   * the journal is empty. One that cannot be read or replayed is put aside: the engine starts without it.
   */
  async replay(replay: (entries: readonly JournalEntry[]) => void): Promise<void> {
    try {
      this.#found = this.#look();
      const entries = lastWords(this.#found.lines);
      if (entries.length === 0) return;
      replay(entries);
      await this.#options.settle(new Set(entries.map(idOf)));
      const { durable } = await this.#place(settledMark);
      await durable;
    } catch (error) {
      await this.#closeFiles();
      const where = `${this.#folder}-${Date.now()}`;
      renameSync(this.#folder, where); // needs no room, where the disk has none
      this.#found = undefined;
      this.#options.log.error('The journal of container records was put aside', { where, error });
    }
  }

  /** Resolves when the entry is durable. @throws what kept it from that; then it is as if it had never been written */
  async append(entry: JournalEntry): Promise<void> {
    const id = idOf(entry);
    const { durable } = await this.#mailbox.run(() =>
      this.#closed ? { durable: this.#options.settle(new Set([id])) } : this.#place(JSON.stringify(entry), id),
    );
    await durable;
  }

  /** Settles everything. What comes after that is settled at once, each by itself. */
  close(): Promise<void> {
    return this.#mailbox.run(async () => {
      if (this.#halves) {
        for (const { ids } of Object.values(this.#halves)) await this.#options.settle(ids);
        const { durable } = await this.#place(settledMark);
        await durable;
      }
      this.#closed = true;
      await this.#closeFiles();
    });
  }

  async #closeFiles(): Promise<void> {
    const halves = Object.values(this.#halves ?? {});
    this.#halves = undefined;
    for (const { file } of halves) await file.close();
  }

  /** Writes it where there is room. What is larger than a file is settled at once. */
  async #place(json: string, ...ids: ContainerId[]): Promise<{ durable: Promise<void> }> {
    this.#halves ??= this.#open();
    const durable = this.#halves.active.file.append(json) ?? (await this.#turn()).file.append(json);
    for (const id of ids) this.#halves.active.ids.add(id);
    return { durable: durable ?? this.#options.settle(new Set(ids)) };
  }

  /** The other file takes the place of the full one. */
  async #turn(): Promise<Half> {
    this.#halves ??= this.#open();
    const { active: full, other } = this.#halves;
    await this.#settled(other);
    await other.file.rewind(full.file.lastNumber);
    const active: Half = { file: other.file, ids: new Set() };
    this.#halves = { active, other: full };
    this.#settled(full).catch(error => this.#options.log.warn('Container records could not be synced', { error }));
    return active;
  }

  /** After a failure it is tried again. */
  #settled(half: Half): Promise<void> {
    half.settling ??= this.#options.settle(half.ids).catch(error => {
      half.settling = undefined;
      throw error;
    });
    return half.settling;
  }

  #open(): { active: Half; other: Half } {
    this.#found ??= this.#look();
    const { older, newer, number } = this.#found;
    const open = (path: string): Half => {
      const file = new JournalFile(path, { bytes: this.#bytes, number, sync: this.#options.sync ?? syncContents });
      return { file, ids: new Set() };
    };
    const active = open(older);
    try {
      return { active, other: { ...open(newer), settling: Promise.resolve() } };
    } catch (error) {
      void active.file.close();
      throw error;
    }
  }

  #look(): Found {
    const files = ['0', '1']
      .map(name => join(this.#folder, name))
      .map(path => ({ path, lines: this.#linesIn(path) }))
      .sort((one, other) => (one.lines[0]?.number ?? 0) - (other.lines[0]?.number ?? 0));
    const [older, newer] = files;
    const lines = files.flatMap(file => file.lines);
    // No line that is left behind a torn one may seem to follow one day.
    const number = (lines.at(-1)?.number ?? 0) + this.#bytes;
    return { lines, older: older?.path ?? '', newer: newer?.path ?? '', number };
  }

  /** What is torn at its beginning, or is none of ours, is made anew. */
  #linesIn(path: string): JournalLine[] {
    const found = existsSync(path) ? readJournalLines(path) : [];
    if (found !== 'foreign') return found;
    this.#options.log.warn('A journal of container records is not whole, and begins anew', { path });
    rmSync(path);
    return [];
  }
}

const idOf = (entry: JournalEntry): ContainerId => ('removed' in entry ? entry.removed : entry.record.id);

/** Of those that are not settled. */
function lastWords(lines: readonly JournalLine[]): JournalEntry[] {
  const entries = lines.map(({ value }) => value as JournalEntry | { settled: true });
  const settled = entries.findLastIndex(entry => 'settled' in entry);
  const open = entries.slice(settled + 1) as JournalEntry[];
  return [...new Map(open.map(entry => [idOf(entry), entry])).values()];
}
