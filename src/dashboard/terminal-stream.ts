import { request as httpRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import { bytesOf, type HttpTarget, httpJson, refusal } from '../../base/http-client.ts';
import { type StreamRequest, type TerminalEnd, terminalInput } from '../../contracts/bridge.ts';
import type { ExecCreateResponse, ExecInspect } from '../../contracts/docker/exec.ts';
import { unavailable } from '../../contracts/errors.ts';
import type { ServedStream } from './stream.ts';

/** Runs a program in a container on a terminal of the window's size. Its exit code is the last item. */
export async function streamTerminal(
  target: HttpTarget,
  request: StreamRequest<'terminal'>,
  stream: ServedStream,
): Promise<void> {
  const { container, command, user, rows, columns } = request;
  const body = {
    ...{ AttachStdin: true, AttachStdout: true, AttachStderr: true, Tty: true },
    ...{ Cmd: command, User: user, ConsoleSize: [rows, columns], Env: ['TERM=xterm-256color'] },
  };
  const path = `/containers/${encodeURIComponent(container)}/exec`;
  const { Id } = (await httpJson(target, 'POST', path, { body })) as ExecCreateResponse;
  const session = await openSession(target, Id, { Tty: true, ConsoleSize: [rows, columns] });
  stream.signal.addEventListener('abort', () => session.destroy());
  stream.onItem = item => {
    const { rows: h, columns: w } = terminalInput(item, 'terminal');
    // a program that has just ended has no size any more
    httpJson(target, 'POST', `/exec/${Id}/resize?h=${h}&w=${w}`).catch(() => undefined);
  };
  stream.input.pipe(session);
  await stream.pipe(session);
  const { ExitCode } = (await httpJson(target, 'GET', `/exec/${Id}/json`)) as ExecInspect;
  stream.item({ exitCode: ExitCode } satisfies TerminalEnd);
}

/** The connection itself, taken over. */
function openSession({ socketPath }: HttpTarget, id: string, body: unknown): Promise<Duplex> {
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
  const path = `/exec/${id}/start`;
  const headers = { host: 'localhost', 'content-type': 'application/json', connection: 'Upgrade', upgrade: 'tcp' };
  const request = httpRequest({ socketPath, method: 'POST', path, headers, agent: false });
  request.on('upgrade', (_answer, socket, head) => {
    socket.on('error', () => undefined);
    if (head.length > 0) socket.unshift(head);
    resolve(socket);
  });
  request.on('response', answer => {
    bytesOf(answer).then(bytes => reject(refusal(answer.statusCode ?? 0, bytes, path)), reject);
  });
  request.on('error', cause => reject(unavailable(`The terminal could not be opened: ${cause.message}`, { cause })));
  request.end(JSON.stringify(body));
  return promise;
}
