import { chownSync, closeSync, constants, openSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { longestTimer } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { type EngineError, internal, messageOf, notImplemented } from '../../contracts/errors.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import { makeFifo } from '../syscalls/splice.ts';
import type { ContainerOutput, OutputChunk } from './container-output.ts';
import type { LogDriver } from './driver.ts';
import { Forwarding } from './forwarding.ts';
import { type LogConfig, logFileOf } from './log-config.ts';
import { type Growth, type ReadOptions, readLog } from './log-reader.ts';
import type { LogSubject } from './log-tag.ts';
import { type InputStream, LoggedOutput } from './logged-output.ts';
import { Pump } from './pump.ts';
import { openDriver, remoteDrivers } from './remote-drivers.ts';
import { StreamedOutput } from './streamed-output.ts';

/** Where a process's output comes out: FIFO paths, or the master of its terminal (which is closed in the end). */
export type OutputSource = { stdout: string | null; stderr: string | null } | { terminalFd: number };

export interface OpenRequest {
  id: string;
  /** `<containers>/<id>`: the log. What is on its way there is beside the FIFOs, or here for a terminal. */
  directory: string;
  source: OutputSource;
  config: LogConfig;
  /** Labels and environment that `config.options` names: written into each line. */
  attributes?: Record<string, string>;
  /** From {@link Logs.reach}; belongs to the output from here on. */
  driver?: LogDriver;
}

export interface ReachRequest {
  config: LogConfig;
  subject: LogSubject;
  attributes: Record<string, string>;
  /** The container runs already: who takes its log need not be there at once. */
  patient: boolean;
}

/** What processes say: collected, kept, told. */
export interface Logs {
  /** FIFOs for a process without a terminal, in a directory that is there; owned by its user, who may reopen /dev/stdout. */
  createFifos(
    execDir: string,
    owner: { uid: number; gid: number },
    wantStdin: boolean,
  ): { stdin: string | null; stdout: string; stderr: string };
  /**
   * Before a start: checks where the log goes, and reaches whoever takes it elsewhere. Undefined for logs kept here.
   * @throws EngineError in Docker's words
   */
  reach(request: ReachRequest): Promise<LogDriver> | undefined;
  /**
   * Collects a container's output into its log. The process must run (or have run) already, or somebody else be a writer
   * until it is: a FIFO without one has come to its end. Goes on exactly where an earlier engine stopped.
   */
  open(request: OpenRequest): ContainerOutput;
  /** Output of `docker exec`, kept nowhere; subscribe at once. */
  openStream(source: OutputSource): ContainerOutput;
  /** The log, then, with `follow`, what `live` adds. @throws EngineError not-implemented for the driver `none` */
  read(
    directory: string,
    config: LogConfig,
    options: ReadOptions,
    live: ContainerOutput | undefined,
    signal: AbortSignal,
  ): AsyncIterable<OutputChunk>;
  /** Stops the pump thread. Running containers keep their output in their pipes. */
  close(): Promise<void>;
}

/** `workerFile` is the pump thread's program. */
export function openLogs({ workerFile, log }: { workerFile: string; log: Log }): Logs {
  const pump = new Pump(workerFile, log);
  const closings = new Set<Promise<void>>();
  return {
    createFifos,
    reach: request => reach(request, log.child(request.subject.id.slice(0, 12))),
    open: ({ id, directory, source, config, attributes, driver }) => {
      const streams = openSource(source);
      const spoken = log.child(id.slice(0, 12));
      const forwarding = driver && new Forwarding(driver, closings);
      const file = logFileOf(directory, config);
      if (!file) return unkept(new StreamedOutput(pump, streams, spoken), forwarding);
      const options = { log: spoken, ...(attributes ? { attributes } : {}), ...(forwarding ? { forwarding } : {}) };
      return new LoggedOutput(pump, spoolsOf(source) ?? directory, file, streams, options);
    },
    openStream: source => new StreamedOutput(pump, openSource(source), log),
    read: (directory, config, options, live, signal) => {
      const file = logFileOf(directory, config);
      if (!file) throw notImplemented('configured logging driver does not support reading');
      return follow(file, options, options.follow ? live : undefined, signal);
    },
    close: async () => {
      await pump.close();
      await Promise.all(closings);
    },
  };
}

function reach({ config, ...request }: ReachRequest, log: Log): Promise<LogDriver> | undefined {
  const kind = remoteDrivers[config.type];
  if (!kind) {
    inDockersWords(() => logFileOf('/', config));
    return undefined;
  }
  let told = false;
  const lost = (error: unknown): void => {
    if (!told) log.warn('Lines of a log did not reach its driver', { driver: config.type, error: messageOf(error) });
    told = true;
  };
  return openDriver(kind, { ...request, options: config.options, lost }).catch(error => {
    throw startFailure(error);
  });
}

const prefix = 'failed to create task for container: failed to initialize logging driver: ';
const startFailure = (error: unknown): EngineError => internal(`${prefix}${messageOf(error)}`, { cause: error });

/** What is wrong with a log's options is said at the start, as dockerd does. @throws EngineError */
export function inDockersWords<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw startFailure(error);
  }
}

/** A log of which nothing is kept here: all goes to its driver, if it has one. */
function unkept(output: StreamedOutput, forwarding: Forwarding | undefined): ContainerOutput {
  if (!forwarding) return output;
  output.subscribe(({ stream, data }) => forwarding.bytes(stream, data)?.then(() => undefined));
  void output.ended.then(() => forwarding.close());
  return output;
}

/** Spools live and die with their FIFOs, on a tmpfs: making and removing a file costs nothing there. */
const spoolsOf = (source: OutputSource): string | undefined =>
  'stdout' in source && source.stdout !== null ? dirname(source.stdout) : undefined;

function createFifos(
  execDir: string,
  { uid, gid }: { uid: number; gid: number },
  wantStdin: boolean,
): { stdin: string | null; stdout: string; stderr: string } {
  const make = (name: string): string => {
    const path = join(execDir, name);
    makeFifoAnew(path);
    if (uid !== 0 || gid !== 0) chownSync(path, uid, gid);
    return path;
  };
  return { stdin: wantStdin ? make('stdin') : null, stdout: make('stdout'), stderr: make('stderr') };
}

/** One may be left of an earlier run. */
function makeFifoAnew(path: string): void {
  try {
    makeFifo(path, 0o600);
  } catch (error) {
    if (!isSyscallError(error, 'EEXIST')) throw error;
    rmSync(path, { force: true });
    makeFifo(path, 0o600);
  }
}

function openSource(source: OutputSource): { stdout?: InputStream; stderr?: InputStream } {
  if ('terminalFd' in source) return { stdout: { fd: source.terminalFd, how: 'read' } };
  return {
    ...(source.stdout === null ? {} : { stdout: openFifo(source.stdout) }),
    ...(source.stderr === null ? {} : { stderr: openFifo(source.stderr) }),
  };
}

/**
 * A FIFO's end is told to those only who had it open while it had a writer; the process may be gone already. So there
 * is one for a moment: if it was the last one, that is the end.
 */
function openFifo(path: string): InputStream {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
  return { fd, how: 'splice' };
}

async function* follow(
  file: { path: string; maxFiles: number },
  options: ReadOptions,
  live: ContainerOutput | undefined,
  signal: AbortSignal,
): AsyncGenerator<OutputChunk> {
  const watcher = new Watcher(live, options.until, signal);
  try {
    for await (const chunk of readLog(file, options, watcher)) {
      if (signal.aborted) return;
      yield chunk;
    }
  } finally {
    watcher.stop();
  }
}

/** Growth of the log of a live output, if it has one. */
class Watcher implements Growth {
  readonly #live: LoggedOutput | undefined;
  readonly #signal: AbortSignal;
  readonly #stops: (() => void)[] = [];
  #wake: () => void = () => {};
  #changed: Promise<void> = Promise.resolve();

  constructor(live: ContainerOutput | undefined, until: Date | undefined, signal: AbortSignal) {
    this.#live = live instanceof LoggedOutput ? live : undefined;
    this.#signal = signal;
    if (!this.#live) return;
    const changed = (): void => this.#wake();
    this.#stops.push(this.#live.follow(changed));
    signal.addEventListener('abort', changed);
    this.#stops.push(() => signal.removeEventListener('abort', changed));
    if (!until) return;
    const timer = setTimeout(changed, Math.min(until.getTime() - Date.now() + 1, longestTimer));
    this.#stops.push(() => clearTimeout(timer));
  }

  get over(): boolean {
    return this.#signal.aborted || (this.#live?.over ?? true);
  }

  next(): Promise<void> {
    this.#changed = new Promise(resolve => {
      this.#wake = resolve;
    });
    return this.#changed;
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }
}
