import { conflict, invalidArgument } from '../../contracts/errors.ts';
import type { OutputChunk } from '../logs/index.ts';
import type { ContainerActor } from './container.ts';
import { logConfigOf } from './container-log.ts';
import type { EngineContext } from './context.ts';
import type { AttachRequest, AttachSession, LogsRequest } from './engine.ts';

/** `docker logs`: what was written, and with `follow` what comes. */
export function readLogs(
  container: ContainerActor,
  options: LogsRequest,
  signal: AbortSignal,
  { rooms, records }: EngineContext,
): { terminal: boolean; output: AsyncIterable<OutputChunk> } {
  if (!options.stdout && !options.stderr) {
    throw invalidArgument('Bad parameters: you must choose at least one stream');
  }
  const config = logConfigOf(container.record);
  const directory = records.directory(container.id);
  const { live, exitRecorded } = container;
  const written = rooms.logs.read(directory, config, options, live?.output, signal);
  const output = options.follow && live ? untilExit(written, exitRecorded, signal) : written;
  return { terminal: container.record.config.Tty ?? false, output: printed(output, options) };
}

/** A follower is let go when the exit is recorded, not when the output ends: it may ask for the exit code next. */
async function* untilExit(
  output: AsyncIterable<OutputChunk>,
  recorded: Promise<void>,
  signal: AbortSignal,
): AsyncGenerator<OutputChunk> {
  yield* output;
  if (signal.aborted) return;
  const gone = Promise.withResolvers<void>();
  const leave = (): void => gone.resolve();
  signal.addEventListener('abort', leave);
  await Promise.race([recorded, gone.promise]);
  signal.removeEventListener('abort', leave);
}

/** Each entry with what `--timestamps` and `--details` want before it. */
async function* printed(output: AsyncIterable<OutputChunk>, options: LogsRequest): AsyncGenerator<OutputChunk> {
  for await (const chunk of output) {
    const prefix = (options.timestamps ? `${timeText(chunk)} ` : '') + (options.details ? detailsText(chunk) : '');
    yield prefix === '' ? chunk : { ...chunk, data: Buffer.concat([Buffer.from(prefix), chunk.data]) };
  }
}

/** Nine digits after the point, always (Go's RFC3339NanoFixed). */
function timeText({ timestamp, time }: OutputChunk): string {
  const [, whole, digits = ''] = /^(.*?:\d\d)(?:\.(\d+))?Z$/.exec(timestamp ?? time.toISOString()) ?? [];
  return `${whole}.${digits.padEnd(9, '0')}Z`;
}

/** As Go's url.QueryEscape. */
const queryEscape = (text: string): string => new URLSearchParams({ '': text }).toString().slice(1);

function detailsText({ attributes = {} }: OutputChunk): string {
  const pairs = Object.entries(attributes).map(([key, value]) => `${queryEscape(key)}=${queryEscape(value)}`);
  return `${pairs.sort().join(',')} `;
}

/** `docker attach`, and `docker run` before its start. */
export function attachTo(container: ContainerActor, options: AttachRequest, context: EngineContext): AttachSession {
  const { record, id, status } = container;
  if (status === 'paused') throw conflict(`container ${id} is paused, unpause the container before attach`);
  if (status === 'restarting') {
    throw conflict(`container ${id} is restarting, wait until the container is running`);
  }
  const session = container.streams.attach({
    stdin: options.stdin && options.stream && (record.config.OpenStdin ?? false),
    stdout: options.stdout && options.stream,
    stderr: options.stderr && options.stream,
    terminal: record.config.Tty ?? false,
    detachKeys: options.detachKeys,
    endsInput: (record.config.StdinOnce ?? false) && !record.config.Tty,
    onDetach: () => container.emit('detach'),
  });
  container.emit('attach');
  if (!options.logs) {
    if (!options.stream) session.close();
    return session;
  }
  return withLogs(container, options, session, context);
}

/** The log first, then what comes: the log's own follower joins them without a gap. */
function withLogs(
  container: ContainerActor,
  options: AttachRequest,
  session: AttachSession,
  { rooms, records }: EngineContext,
): AttachSession {
  const over = new AbortController();
  const live = options.stream ? container.live?.output : undefined;
  const history = rooms.logs.read(
    records.directory(container.id),
    logConfigOf(container.record),
    {
      stdout: options.stdout,
      stderr: options.stderr,
      follow: live !== undefined,
      timestamps: false,
      details: false,
    },
    live,
    over.signal,
  );
  async function* joined(): AsyncGenerator<OutputChunk> {
    yield* history;
    if (!live && options.stream) yield* session.output;
  }
  return {
    terminal: session.terminal,
    input: session.input,
    output: live ? untilDetached(history, session, over) : joined(),
    close: () => {
      over.abort();
      session.close();
    },
  };
}

/** The session's own queue ends at the detach keys; its bytes are in `history` already. */
async function* untilDetached(
  history: AsyncIterable<OutputChunk>,
  session: AttachSession,
  over: AbortController,
): AsyncGenerator<OutputChunk> {
  void (async () => {
    for await (const _ of session.output);
    over.abort();
  })();
  yield* history;
}
