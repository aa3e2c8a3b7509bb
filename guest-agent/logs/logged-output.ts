import { join } from 'node:path';
import type { Log } from '../../base/log.ts';
import { Checkpoint, type Offsets, recoverOffsets } from './checkpoint.ts';
import { type ContainerOutput, Listeners, type OutputListener } from './container-output.ts';
import { type Entry, EntrySplitter } from './entries.ts';
import type { Forwarding } from './forwarding.ts';
import type { StreamName } from './json-line.ts';
import type { LogFile } from './log-config.ts';
import { type LogPosition, LogWriter } from './log-writer.ts';
import type { Pump, PumpedSource, SourceRequest } from './pump.ts';
import { Spool } from './spool.ts';

/** A descriptor that becomes the pump's. */
export interface InputStream {
  fd: number;
  how: SourceRequest['how'];
}

/** What comes within this time of the last turn is taken together: a turn for each few bytes costs far more than they do. */
const GATHER_MS = 2;
/** At most so much of the log is read again after a crash. */
const CHECKPOINT_BYTES = 256 << 10;

interface Intake {
  stream: StreamName;
  spool: Spool;
  splitter: EntrySplitter;
  /** None when there is nothing to pump, only what an earlier engine left in the spool. */
  source: PumpedSource | undefined;
  /** The spool's length when it was opened. */
  size: number;
  /** Read from the spool so far. */
  position: number;
  busy: boolean;
  /** When something was read last; performance.now() */
  lastTurn: number;
  gathering: NodeJS.Timeout | undefined;
  /** `over`: the pump has nothing more. `done`: nor has the spool. */
  state: 'open' | 'over' | 'done';
}

/** A container's output on its way: pipe → spool → log, with the live listeners beside. */
export class LoggedOutput implements ContainerOutput {
  readonly ended: Promise<void>;
  readonly #intakes: Intake[];
  readonly #writer: LogWriter;
  readonly #checkpoint: Checkpoint;
  readonly #offsets: Offsets;
  readonly #listeners = new Listeners();
  readonly #followers = new Set<() => void>();
  readonly #log: Log;
  readonly #forwarding: Forwarding | undefined;
  #resolveEnded: () => void = () => {};
  #agreed: LogPosition = { inode: 0, size: 0 };
  #closed = false;
  #cut = false;
  #failed = false;
  /** Of the streams there is more behind us than in the log. */
  #lost = false;

  /** `directory` is where the spools are. */
  constructor(
    pump: Pump,
    directory: string,
    file: LogFile,
    streams: Partial<Record<StreamName, InputStream>>,
    options: { attributes?: Record<string, string>; forwarding?: Forwarding; log: Log },
  ) {
    this.ended = new Promise(resolve => {
      this.#resolveEnded = resolve;
    });
    this.#log = options.log;
    this.#forwarding = options.forwarding;
    this.#writer = new LogWriter(file, options.attributes);
    this.#checkpoint = new Checkpoint(join(directory, 'output.checkpoint'));
    const spools = {
      stdout: new Spool(join(directory, 'stdout.spool')),
      stderr: new Spool(join(directory, 'stderr.spool')),
    };
    this.#offsets = recoverOffsets(this.#checkpoint.read(), file.path, spools);
    this.#intakes = (['stdout', 'stderr'] as const).map(stream => ({
      stream,
      spool: spools[stream],
      splitter: new EntrySplitter(this.#offsets[stream]),
      source: undefined,
      size: spools[stream].size(),
      position: this.#offsets[stream],
      busy: false,
      lastTurn: Number.NEGATIVE_INFINITY,
      gathering: undefined,
      state: streams[stream] ? 'open' : 'over',
    }));
    for (const intake of this.#intakes) this.#connect(pump, intake, streams[intake.stream]);
  }

  subscribe(listener: OutputListener): () => void {
    return this.#listeners.add(listener);
  }

  /** Tells each time something has been written to the log. */
  follow(follower: () => void): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  /** Nothing will be added to the log any more. */
  get over(): boolean {
    return this.#closed;
  }

  get taken(): number {
    return this.#intakes.reduce((sum, { position }) => sum + position, 0);
  }

  cut(): void {
    this.#cut = true;
    for (const { source } of this.#intakes) source?.cut();
  }

  close(): void {
    if (this.#cut || this.#closed) return;
    for (const { source } of this.#intakes) source?.drop();
    this.#release();
  }

  #connect(pump: Pump, intake: Intake, input: InputStream | undefined): void {
    // What an earlier engine left; in a later turn, so that listeners are there.
    if (!input || intake.size > intake.position) setImmediate(() => this.#advance(intake));
    if (!input) return;
    intake.source = pump.add({
      ...input,
      spool: intake.spool.path,
      offset: Math.max(intake.size, intake.position),
      onData: () => this.#gather(intake),
      onEnd: error => {
        if (error) this.#log.error('Output was lost', { stream: intake.stream, error });
        intake.state = 'over';
        this.#advance(intake);
      },
    });
  }

  /** At once after a pause, so that a terminal feels like one. */
  #gather(intake: Intake): void {
    const pause = intake.lastTurn + GATHER_MS - performance.now();
    if (pause <= 0) this.#advance(intake);
    else intake.gathering ??= setTimeout(() => this.#advance(intake), pause);
  }

  /** Reads a piece of the spool; the next one in another turn, so that nobody waits for one who talks too much. */
  #advance(intake: Intake): void {
    if (intake.busy || this.#closed || intake.state === 'done') return;
    clearTimeout(intake.gathering);
    intake.gathering = undefined;
    const appended = intake.source?.appended() ?? intake.size;
    if (intake.position >= appended) {
      if (intake.state === 'over') this.#finish(intake);
      return;
    }
    const chunk = intake.spool.read(intake.position, appended);
    if (chunk.length === 0) this.#fail('A spool has gone', undefined);
    intake.lastTurn = performance.now();
    intake.position = chunk.length === 0 ? appended : intake.position + chunk.length;
    const sending = this.#recordPlain(intake, chunk)
      ? undefined
      : this.#record(intake, intake.splitter.push(Buffer.from(chunk)));
    intake.source?.processed(intake.position);
    const told = this.#listeners.any ? this.#listeners.tell(intake.stream, Buffer.from(chunk)) : undefined;
    const waiting = sending ? Promise.all([sending, told]) : told;
    intake.busy = true;
    const next = (): void => {
      intake.busy = false;
      this.#advance(intake);
    };
    if (waiting) void waiting.then(next);
    else if (intake.position < appended) setImmediate(next);
    else next();
  }

  /** All lines at once, where they are plain and go nowhere else. */
  #recordPlain(intake: Intake, chunk: Buffer): boolean {
    const lines = this.#forwarding ? undefined : intake.splitter.wholeLines(chunk);
    if (!lines) return false;
    const { stream } = intake;
    try {
      if (this.#lost || !this.#checkpoint.exists) this.#agree();
      if (!this.#writer.appendPlain(stream, lines.data)) return false;
      this.#offsets[stream] = lines.end;
      this.#agreeInTime(intake, lines.end);
    } catch (error) {
      this.#lose(error);
    }
    this.#offsets[stream] = lines.end;
    intake.splitter.skip(lines, chunk);
    this.#tellFollowers();
    return true;
  }

  /** A log that cannot be written loses lines, as Docker's does; the container goes on. */
  #record(intake: Intake, entries: Entry[]): Promise<unknown> | undefined {
    const last = entries.at(-1);
    if (!last) return undefined;
    try {
      this.#write(intake, entries);
    } catch (error) {
      this.#lose(error);
    }
    this.#offsets[intake.stream] = last.end;
    this.#tellFollowers();
    return this.#forwarding?.entries(intake.stream, entries);
  }

  #write({ stream, spool }: Intake, entries: Entry[]): void {
    if (this.#lost || !this.#checkpoint.exists) this.#agree();
    this.#writer.append(stream, entries, end => {
      this.#offsets[stream] = end ?? this.#offsets[stream];
      this.#agree();
    });
    const end = entries.at(-1)?.end ?? 0;
    this.#offsets[stream] = end;
    this.#agreeInTime({ spool }, end);
  }

  #agreeInTime({ spool }: Pick<Intake, 'spool'>, end: number): void {
    const { inode, size } = this.#writer.position();
    const discard = spool.worthDiscarding(end);
    if (discard || inode !== this.#agreed.inode || size - this.#agreed.size > CHECKPOINT_BYTES) this.#agree();
    if (discard) spool.discard(end);
  }

  /** Whoever counts what is in the log must not take what comes next for this. */
  #lose(error: unknown): void {
    this.#lost = true;
    this.#fail('A log could not be written', error);
  }

  /** Once: a full disk would fill it further. */
  #fail(message: string, error: unknown): void {
    if (!this.#failed) this.#log.error(message, { error });
    this.#failed = true;
  }

  #tellFollowers(): void {
    for (const follower of this.#followers) follower();
  }

  /** Log and offsets say the same just now. */
  #agree(): void {
    this.#agreed = this.#writer.position();
    this.#checkpoint.write({ ...this.#agreed, offsets: this.#offsets });
    this.#lost = false;
  }

  #finish(intake: Intake): void {
    intake.state = 'done';
    void this.#record(intake, intake.splitter.finish());
    if (this.#intakes.some(({ state }) => state !== 'done')) return;
    try {
      for (const { spool } of this.#intakes) spool.remove();
      this.#checkpoint.remove();
    } catch (error) {
      this.#fail('A spool could not be removed', error);
    }
    this.#release();
    this.#resolveEnded();
  }

  #release(): void {
    this.#closed = true;
    queueMicrotask(() => this.#tellFollowers());
    for (const { spool, gathering } of this.#intakes) {
      clearTimeout(gathering);
      spool.close();
    }
    this.#checkpoint.close();
    this.#writer.close();
    void this.#forwarding?.close();
  }
}
