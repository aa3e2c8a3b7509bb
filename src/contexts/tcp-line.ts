import { existsSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { type Dial, type Line, wordsOf } from './line.ts';

/** How an engine shows who it is, and wants to be shown. */
export interface TlsTerms {
  /** Where `ca.pem`, `cert.pem` and `key.pem` are, as far as they are there. */
  folder: string | undefined;
  /** Whoever answers is taken for the engine. */
  skipsVerification: boolean;
}

/** As long as `ssh` tries, in milliseconds. */
const connectMs = 30_000;
/** A line on which nothing has passed for so long is tested, in milliseconds: the other side may be gone without a word. */
const keepAliveMs = 15_000;

/** Lines to an engine behind an address, with TLS where there are terms for it. */
export const tcpDialer =
  (host: string, port: string, tls: TlsTerms | undefined): Dial =>
  async () => {
    const target = { host, port: Number(port || (tls ? 2376 : 2375)) };
    return lineOf(tls ? connectTls({ ...target, ...secretsOf(tls) }) : connect(target), `${host}:${target.port}`, tls);
  };

function lineOf(socket: Socket, name: string, tls: TlsTerms | undefined): Line {
  let why = '';
  socket.unref();
  socket.setKeepAlive(true, keepAliveMs);
  socket.setTimeout(connectMs, () => socket.destroy(new Error(`no answer within ${connectMs / 1000} seconds`)));
  socket.once(tls ? 'secureConnect' : 'connect', () => socket.setTimeout(0));
  socket.on('error', error => {
    why = `${name}: ${wordsOf(error)}`;
  });
  return { input: socket, output: socket, reason: () => why, close: () => socket.destroy() };
}

/** Read for each line: certificates are renewed while Berth runs. */
function secretsOf({ folder, skipsVerification }: TlsTerms) {
  const read = (name: string): Buffer | undefined => {
    const file = folder === undefined ? undefined : join(folder, name);
    return file !== undefined && existsSync(file) ? readFileSync(file) : undefined;
  };
  return {
    ca: read('ca.pem'),
    cert: read('cert.pem'),
    key: read('key.pem'),
    rejectUnauthorized: !skipsVerification,
  };
}
