import type { ContainerRef } from '../../../contracts/brand.ts';
import * as routes from '../../../contracts/docker/exec-routes.ts';
import { EngineError, invalidArgument, messageOf } from '../../../contracts/errors.ts';
import { type AttachSession, type Exec, ExecSpent } from '../../engine/index.ts';
import { serve } from '../call.ts';

type ExecOptions = Parameters<Exec['start']>[0];

/** A session that only says why there is none: Docker tells an exec that cannot start on the connection itself. */
function failedSession(terminal: boolean, message: string): AttachSession {
  async function* output(): AttachSession['output'] extends AsyncIterable<infer Chunk> ? AsyncGenerator<Chunk> : never {
    yield { stream: 'stdout', data: Buffer.from(`${message}\r\n`), time: new Date() };
  }
  return { terminal, output: output(), input: undefined, close: () => undefined };
}

/** A container that does not run is an HTTP error; a program that does not start, or did so before, is text on the stream. */
const isRefusal = (error: unknown): boolean =>
  error instanceof EngineError &&
  (error.kind === 'not-found' || error.kind === 'conflict') &&
  !(error instanceof ExecSpent);

async function start(exec: Exec, options: ExecOptions): Promise<AttachSession | undefined> {
  try {
    return await exec.start(options);
  } catch (error) {
    if (options.detach || isRefusal(error)) throw error;
    return failedSession(options.terminal, messageOf(error));
  }
}

function toSize(consoleSize: readonly number[] | undefined): ExecOptions['size'] {
  if (!consoleSize || consoleSize.length === 0) return undefined;
  const [rows, columns] = consoleSize;
  return rows && columns ? { rows, columns } : undefined;
}

export const execRoutes = [
  serve(routes.execCreate, ({ path, body }, engine) => {
    if (!body.Cmd?.length) throw invalidArgument('No exec command specified');
    return engine.containers.getByRef(path.ref as ContainerRef).createExec(body);
  }),

  serve(routes.execStart, ({ path, body }, engine) =>
    start(engine.execs.get(path.id), {
      detach: body.Detach ?? false,
      terminal: body.Tty ?? false,
      size: toSize(body.ConsoleSize),
    }),
  ),

  serve(routes.execInspect, ({ path }, engine) => engine.execs.get(path.id).inspect()),

  serve(routes.execResize, ({ path, query }, engine) => engine.execs.get(path.id).resize(query.h, query.w)),
];
