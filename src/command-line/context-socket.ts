import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Semaphore } from '../../base/semaphore.ts';

type Dialer = ChildProcessByStdio<Writable, Readable, Readable>;

/** An SSH server refuses some of more than ten connections that have not said yet who they are. */
const mostDialing = 6;
/** After this time a connection that has not heard a word lets the next one begin, in milliseconds: it may wait for long. */
const patienceMs = 5000;
/** The last words of a failure may come a little after its end, in milliseconds. */
const lastWordsMs = 1000;
const mostWords = 4096;

/**
 * A socket of this user's behind which a context's engine answers: each connection is a `docker system dial-stdio`, which
 * knows SSH and TLS and their keys, and asks no more of the other side than a `docker` command. It lives as long as we do.
 */
export async function forwardContext(context: string, env: NodeJS.ProcessEnv): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-context-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'engine.sock');
  const dialing = new Semaphore(() => mostDialing);
  const server = createServer({ allowHalfOpen: true }, socket => {
    const gone = new AbortController();
    socket.once('close', () => gone.abort());
    socket.on('error', () => socket.destroy());
    dialing.run(() => dial(socket, context, env), gone.signal).catch(() => undefined); // who asked went away meanwhile
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  server.unref();
  return path;
}

/** Resolves when the other side has said something, or is not likely to soon. */
async function dial(socket: Socket, context: string, env: NodeJS.ProcessEnv): Promise<void> {
  const { DOCKER_HOST: _host, ...rest } = env;
  const child = spawn('docker', ['--context', context, 'system', 'dial-stdio'], {
    env: rest,
    stdio: ['pipe', 'pipe', 'pipe'],
    windowsHide: true,
  });
  const heard = new Promise(resolve => {
    child.stdout.once('data', resolve);
    child.once('close', resolve);
  });
  connect(socket, child);
  await Promise.race([heard, sleep(patienceMs, undefined, { ref: false })]);
}

/** Brings bytes to and fro. What ends without a word of the engine is answered for it, with the reason. */
function connect(socket: Socket, child: Dialer): void {
  // asked to end it waits until what it has was read, which nobody does any more: it must see its output gone
  const end = (): void => {
    for (const stream of [socket, child.stdin, child.stdout, child.stderr]) stream.destroy();
    child.kill();
  };
  for (const stream of [socket, child.stdout, child.stderr]) stream.on('error', end);
  child.stdin.on('error', () => undefined); // it ended: why is told at the end of its output
  child.once('error', end);
  socket.once('close', end);
  socket.pipe(child.stdin);
  let words = '';
  child.stderr.on('data', part => {
    words = `${words}${part}`.slice(-mostWords);
  });
  let answered = false;
  child.stdout.once('data', () => {
    answered = true;
  });
  child.stdout.pipe(socket, { end: false });
  // its end, not the program's: when that exits, words of it may still be on their way
  child.stdout.once('end', async () => {
    if (!answered) await Promise.race([once(child.stderr, 'close'), sleep(lastWordsMs)]).catch(() => undefined);
    if (answered) socket.end();
    else socket.end(refusal(words));
  });
}

/** What an engine would answer that cannot be reached. */
function refusal(words: string): string {
  // what `ssh` said stands behind what the docker command says of it
  const why = words.split('stderr=').at(-1)?.trim() || 'The docker command could not reach this engine';
  const body = JSON.stringify({ message: why });
  return `HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;
}
