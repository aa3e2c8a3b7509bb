import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { httpBytes } from '../../../../base/http-client.ts';
import { forwardEngine } from '../../../../src/contexts/index.ts';
import { makeCertificates } from '../../../support/certificates.ts';

/** `openssl` makes the certificates. */
describe.skipIf(process.platform === 'win32')('an engine behind TLS', () => {
  let folder: string;
  let server: Server;
  let host: string;
  const temporary = process.env.TMPDIR;

  const listens = (one: Server): Promise<number> =>
    new Promise(resolve => one.listen(0, '127.0.0.1', () => resolve((one.address() as AddressInfo).port)));

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-tls-'));
    process.env.TMPDIR = folder; // a worker that is ended does not clean up after itself
    await makeCertificates(folder, 'IP:127.0.0.1');
    const read = (name: string): Promise<Buffer> => readFile(join(folder, name));
    const [ca, cert, key] = await Promise.all([read('ca.crt'), read('server.cert'), read('server.key')]);
    server = createTlsServer({ ca, cert, key, requestCert: true, rejectUnauthorized: true }, (_, answer) =>
      answer.end('OK'),
    );
    host = `tcp://127.0.0.1:${await listens(server)}`;
    for (const [from, to] of Object.entries({ 'ca.crt': 'ca.pem', 'client.cert': 'cert.pem', 'client.key': 'key.pem' }))
      await rename(join(folder, from), join(folder, to));
  });

  afterAll(async () => {
    server.close();
    if (temporary === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = temporary;
    await rm(folder, { recursive: true });
  });

  const ping = async (tlsFolder: string | undefined, skipsVerification = false, at = host): Promise<string> => {
    const socketPath = await forwardEngine({ host: at, tlsFolder, skipsVerification }, process.env);
    return String(await httpBytes({ socketPath }, 'GET', '/_ping'));
  };

  test('is asked with the certificates of its context', async () => {
    expect(await ping(folder)).toBe('OK');
  });

  test('that is not the engine is not asked, and why is told', async () => {
    await expect(ping(undefined, true)).rejects.toThrow(/^127\.0\.0\.1:\d+: .*certificate required/);
    await expect(ping(join(folder, 'none'))).rejects.toThrow(/^127\.0\.0\.1:\d+: .*certificate/);
    const silent = createTcpServer(socket => socket.destroy());
    const port = await listens(silent);
    const there = `tcp://127.0.0.1:${port}`;
    await expect(ping(folder, false, there)).rejects.toThrow(/^127\.0\.0\.1:\d+: .*disconnected before secure TLS/);
    await new Promise(resolve => silent.close(resolve));
    await expect(ping(undefined, false, there)).rejects.toThrow(
      new RegExp(`^127\\.0\\.0\\.1:${port}: connection refused$`),
    );
  });
});
