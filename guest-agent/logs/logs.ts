import { chownSync, closeSync, constants, openSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Log } from '../../base/log.ts';
import { notImplemented } from '../../contracts/errors.ts';
import { isSyscallError } from '../syscalls/libc.ts';
import { makeFifo } from '../syscalls/splice.ts';
import type { ContainerOutput, OutputChunk } from './container-output.ts';
import { type LogConfig, logFileOf } from './log-config.ts';
import { type Growth, type ReadOptions, readLog } from './log-reader.ts';
import { type InputStream, LoggedOutput } from './logged-output.ts';
import { Pump } from './pump.ts';
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
   * Collects a container's output into its log. The process must run (or have run) already: a FIFO without a writer
   * has come to its end. Goes on exactly where an earlier engine stopped.
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
  return {
    createFifos,
    open: ({ id, directory, source, config, attributes }) => {
      const streams = openSource(source);
      const spoken = log.child(id.slice(0, 12));
      if (config.type === 'none') return new StreamedOutput(pump, streams, spoken);
      const options = { log: spoken, ...(attributes ? { attributes } : {}) };
      return new LoggedOutput(pump, spoolsOf(source) ?? directory, logFileOf(directory, config), streams, options);
    },
    openStream: source => new StreamedOutput(pump, openSource(source), log),
    read: (directory, config, options, live, signal) => {
      if (config.type === 'none') throw notImplemented('configured logging driver does not support reading');
      return follow(logFileOf(directory, config), options, options.follow ? live : undefined, signal);
    },
    close: () => pump.close(),
  };
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
    const timer = setTimeout(changed, Math.min(until.getTime() - Date.now() + 1, 2 ** 31 - 1));
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
