import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Mailbox } from '../../base/mailbox.ts';
import type { BuildNews, BuildSummary } from '../../contracts/docker/builds.ts';
import { messageOf, notFound } from '../../contracts/errors.ts';
import type { BuildRequest, BuildWatcher } from './contract.ts';

/** Builds that are kept when they are over. */
const kept = 100;

/** Of what a build's steps print, so many characters are kept. */
const mostOutput = 1 << 20;

/** Resolves when something is new, or when `signal` is aborted. */
class Bell {
  #next = Promise.withResolvers<void>();

  ring(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  }

  wait(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    const gone = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }));
    return Promise.race([this.#next.promise, gone]);
  }
}

/** One build, while it runs and after it. */
export class BuildRecord {
  readonly news: BuildNews[];
  readonly bell = new Bell();
  readonly #changed: (record: BuildRecord) => void;
  readonly #abort = new AbortController();
  #printed = 0;
  summary: BuildSummary;

  constructor(summary: BuildSummary, news: BuildNews[], changed: (record: BuildRecord) => void) {
    this.summary = summary;
    this.news = news;
    this.#changed = changed;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  cancel(): void {
    this.#abort.abort();
  }

  /** Hears all that `watcher` hears. */
  watching(watcher: BuildWatcher): BuildWatcher {
    return {
      step: news => {
        const step = this.summary.steps;
        this.#tell({ type: 'step', step, name: news.name, line: news.line ?? 0, at: Date.now() });
        this.change({ steps: step + 1 });
        const ended = (cached: boolean, error: string): void => {
          this.#tell({ type: 'ended', step, at: Date.now(), cached, error });
          const { finished, cached: before } = this.summary;
          this.change({ finished: finished + 1, cached: before + Number(cached) });
        };
        const theirs = watcher.step(news);
        return {
          running: id => theirs.running(id),
          status: (id, current, total) => theirs.status(id, current, total),
          output: (stream, data) => {
            theirs.output(stream, data);
            this.#print(step, data);
          },
          done: outcome => {
            theirs.done(outcome);
            ended(outcome.cached, '');
          },
          failed: error => {
            theirs.failed(error);
            ended(false, messageOf(error));
          },
        };
      },
      instruction: (text, total) => watcher.instruction?.(text, total),
      instructionDone: (imageId, cached) => watcher.instructionDone?.(imageId, cached),
      used: material => watcher.used?.(material),
      warning: warning => {
        watcher.warning(warning);
        this.#tell({ type: 'warning', rule: warning.rule, message: warning.message, line: warning.line ?? 0 });
      },
    };
  }

  done(image: string): void {
    this.change({ state: 'done', ended: Date.now(), image });
  }

  failed(error: unknown, cancelled: boolean): void {
    this.change({ state: cancelled ? 'cancelled' : 'failed', ended: Date.now(), error: messageOf(error) });
  }

  change(part: Partial<BuildSummary>): void {
    this.summary = { ...this.summary, ...part };
    this.#changed(this);
    this.bell.ring();
  }

  #print(step: number, data: Buffer): void {
    const room = mostOutput - this.#printed;
    if (room <= 0) return;
    const text = data.toString().slice(0, room);
    this.#printed += text.length;
    this.#tell({ type: 'output', step, text: this.#printed < mostOutput ? text : `${text}\n[the rest is not kept]\n` });
  }

  #tell(news: BuildNews): void {
    this.news.push(news);
    this.bell.ring();
  }
}

/** What was built and what is being built, whichever door it came through. A build that a crash ended is not in it. */
export class BuildHistory {
  readonly #folder: string;
  readonly #records = new Map<string, BuildRecord>();
  readonly #watchers = new Set<(id: string) => void>();
  readonly #disk = new Mailbox();
  /** Those whose files lag behind. */
  readonly #unsaved = new Set<BuildRecord>();

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const found = readdirSync(folder).flatMap(name => this.#read(join(folder, name)));
    for (const record of found.sort((a, b) => a.summary.started - b.summary.started)) {
      this.#records.set(record.summary.id, record);
    }
  }

  begin({ target, platform }: BuildRequest, dockerfile: string, source: string): BuildRecord {
    const id = randomBytes(6).toString('hex');
    const asked = { id, dockerfile, target: target ?? '', platform: platform ?? '' };
    const counts = { started: Date.now(), ended: 0, steps: 0, finished: 0, cached: 0 };
    const summary: BuildSummary = { ...asked, ...counts, names: [], image: '', state: 'running', error: '' };
    const record = this.#record(summary, [{ type: 'dockerfile', name: dockerfile, source }]);
    this.#records.set(id, record);
    this.#changed(record);
    for (const old of [...this.#records.keys()].slice(0, -kept)) this.#forget(old);
    return record;
  }

  /** The image of the newest build that made it has these names now. */
  named(image: string, names: readonly string[]): void {
    const record = [...this.#records.values()].findLast(({ summary }) => summary.image === image);
    record?.change({ names: [...names] });
  }

  /** @throws not-found */
  cancel(id: string): void {
    this.#get(id).cancel();
  }

  /** Every build once; with `watch` each again when it has come further, until `signal`. */
  async *list(watch: boolean, signal: AbortSignal): AsyncIterable<BuildSummary> {
    const waiting = new Set(this.#records.keys());
    const bell = new Bell();
    const take = (id: string): void => {
      waiting.add(id);
      bell.ring();
    };
    this.#watchers.add(take);
    try {
      do {
        for (const id of waiting) {
          waiting.delete(id);
          const record = this.#records.get(id);
          if (record) yield record.summary;
        }
        if (watch && waiting.size === 0) await bell.wait(signal);
      } while (watch && !signal.aborted);
    } finally {
      this.#watchers.delete(take);
    }
  }

  /** What it said, and what it says until it is over. @throws not-found */
  log(id: string, signal: AbortSignal): AsyncIterable<BuildNews> {
    return follow(this.#get(id), signal);
  }

  #get(id: string): BuildRecord {
    const record = this.#records.get(id);
    if (!record) throw notFound(`No such build: ${id}`);
    return record;
  }

  #record = (summary: BuildSummary, news: BuildNews[]): BuildRecord =>
    new BuildRecord(summary, news, record => this.#changed(record));

  #changed(record: BuildRecord): void {
    const { summary } = record;
    if (summary.state !== 'running') this.#save(record);
    for (const take of this.#watchers) take(summary.id);
  }

  /** No build waits for the disk here, nor is it made to write at once: what a crash takes is a line of a list. */
  #save(record: BuildRecord): void {
    this.#unsaved.add(record);
    void this.#disk.run(async () => {
      const isWanted = this.#unsaved.delete(record) && this.#records.has(record.summary.id);
      const { summary, news } = record;
      const text = JSON.stringify({ summary, news });
      if (isWanted) await writeFile(this.#file(summary.id), text, { mode: 0o600 }).catch(() => undefined);
    });
  }

  /** Resolves when all that has been told so far is on the disk. */
  saved(): Promise<void> {
    return this.#disk.settled();
  }

  #file(id: string): string {
    return join(this.#folder, `${id}.json`);
  }

  #forget(id: string): void {
    if (this.#get(id).summary.state === 'running') return;
    this.#records.delete(id);
    void this.#disk.run(() => rm(this.#file(id), { force: true }).catch(() => undefined));
  }

  #read(file: string): BuildRecord[] {
    try {
      const { summary, news } = JSON.parse(readFileSync(file, 'utf8')) as { summary: BuildSummary; news: BuildNews[] };
      return [this.#record(summary, news)];
    } catch {
      return []; // half written by a crash: what it told is of no use
    }
  }
}

async function* follow(record: BuildRecord, signal: AbortSignal): AsyncIterable<BuildNews> {
  for (let at = 0; !signal.aborted; ) {
    const news = record.news[at];
    if (news) {
      at++;
      yield news;
    } else if (record.summary.state === 'running') await record.bell.wait(signal);
    else {
      yield { type: 'over', summary: record.summary };
      return;
    }
  }
}
