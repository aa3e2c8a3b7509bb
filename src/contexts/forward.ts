import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { messageOf } from '../../contracts/errors.ts';
import { parseAddress } from './address.ts';
import type { Dial, Line } from './line.ts';
import { sshDialer } from './ssh-line.ts';
import { tcpDialer } from './tcp-line.ts';

/** Where an engine is, and how it is known. */
export interface EngineEndpoint {
  /** `unix://…`, `npipe://…`, `tcp://…` or `ssh://…` */
  host: string;
  /** Of `ca.pem`, `cert.pem` and `key.pem`; undefined without any. */
  tlsFolder: string | undefined;
  /** TLS with whoever answers. */
  skipsVerification: boolean;
}

/**
 * A socket (on Windows a pipe) of this user's where that engine answers, as long as we live.
 * @throws invalid-argument for an address that is none
 */
export async function forwardEngine(endpoint: EngineEndpoint, env: NodeJS.ProcessEnv): Promise<string> {
  const address = parseAddress(endpoint.host);
  if (address.kind === 'socket') return address.path;
  const folder = mkdtempSync(join(tmpdir(), 'berth-context-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const { tlsFolder, skipsVerification } = endpoint;
  const tls = tlsFolder !== undefined || skipsVerification ? { folder: tlsFolder, skipsVerification } : undefined;
  const dial = address.kind === 'ssh' ? sshDialer(address, folder, env) : tcpDialer(address.host, address.port, tls);
  return listen(folder, dial);
}

async function listen(folder: string, dial: Dial): Promise<string> {
  const path = process.platform === 'win32' ? `\\\\.\\pipe\\${basename(folder)}` : join(folder, 'engine.sock');
  const server = createServer({ allowHalfOpen: true }, socket => void serve(socket, dial));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  server.unref();
  return path;
}

async function serve(socket: Socket, dial: Dial): Promise<void> {
  const gone = new AbortController();
  socket.unref();
  socket.once('close', () => gone.abort());
  socket.on('error', () => socket.destroy());
  try {
    connect(socket, await dial(gone.signal));
  } catch (error) {
    socket.end(refusal(messageOf(error)));
  }
}

/** Brings bytes to and fro. What ends without a word of the engine is answered for it, with the reason. */
function connect(socket: Socket, line: Line): void {
  let answered = false;
  line.output.once('data', () => {
    answered = true;
  });
  line.output.on('error', () => undefined); // told by the line
  line.input.on('error', () => undefined);
  socket.once('close', () => line.close());
  if (socket.destroyed) line.close();
  socket.pipe(line.input);
  line.output.pipe(socket, { end: false });
  line.output.once('close', async () => {
    if (answered) socket.end();
    else socket.end(refusal(await line.reason()));
  });
}

/** What an engine would answer that cannot be reached. */
function refusal(words: string): string {
  const body = JSON.stringify({ message: words || 'This engine could not be reached' });
  return `HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;
}
