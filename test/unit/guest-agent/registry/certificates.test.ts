import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLog } from '../../../../base/log.ts';
import { parseReference } from '../../../../contracts/oci/reference.ts';
import { openRegistry, type Registry } from '../../../../guest-agent/registry/index.ts';

/** Loopback needs no certificates, so another address of this host has to do. */
const address = Object.values(networkInterfaces())
  .flat()
  .find(one => one?.family === 'IPv4' && !one.internal)?.address;
const usable = address !== undefined && existsSync('/usr/bin/openssl');
if (!usable) console.warn('skipped: needs openssl and an address that is not loopback');

describe.skipIf(!usable)('certificates of one registry', () => {
  const folder = mkdtempSync(join(tmpdir(), 'certs-'));
  const signal = new AbortController().signal;
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  };
  let server: Server;
  let registry: Registry;
  let host = '';

  const makeCertificates = (): void => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=authority', '-days', '2');
    for (const name of ['server', 'client']) {
      const request = ['req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`];
      openssl(...request, '-addext', `subjectAltName=IP:${address}`);
      const signed = ['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'];
      openssl(...signed, '-copy_extensions', 'copy', '-days', '2', '-out', `${name}.cert`);
    }
  };

  beforeAll(async () => {
    makeCertificates();
    const tls = {
      key: readFileSync(at('server.key')),
      cert: readFileSync(at('server.cert')),
      ca: readFileSync(at('ca.crt')),
    };
    server = createServer({ ...tls, requestCert: true, rejectUnauthorized: true }, (_request, response) => {
      response.end('{}');
    });
    await new Promise<void>(resolve => server.listen(0, address, resolve));
    host = `${address}:${(server.address() as AddressInfo).port}`;
    registry = openRegistry({ log: createLog({ level: 'error' }), certificateFolders: [at('certs.d')] });
  });
  afterAll(async () => {
    registry.close();
    server.closeAllConnections();
    await new Promise(resolve => server.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  });

  it('are found in its folder, also when they come while the engine runs', async () => {
    const connect = () => registry.repository(parseReference(`${host}/app`)).connect(signal);
    await expect(connect()).rejects.toThrow('tls: failed to verify certificate: x509: certificate signed by unknown');
    mkdirSync(at(`certs.d/${host}`), { recursive: true });
    renameSync(at('ca.crt'), at(`certs.d/${host}/ca.crt`));
    await expect(connect()).rejects.toThrow(/certificate required|EOF|reset/);
    renameSync(at('client.cert'), at(`certs.d/${host}/client.cert`));
    await expect(connect()).rejects.toThrow('missing key client.key for client certificate client.cert');
    renameSync(at('client.key'), at(`certs.d/${host}/client.key`));
    await connect();
  });
});
