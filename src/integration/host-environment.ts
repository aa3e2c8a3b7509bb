import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates, rootCertificates } from 'node:tls';
import type { ProxySettings } from '../../contracts/guest.ts';

/** This computer's loopback as the guest sees it (QEMU's user network). */
const hostInGuest = '10.0.2.2';
const loopback = /^(localhost|127(?:\.\d+){3}|\[::1\])$/;

/**
 * The proxies of the environment, for the guest: one that listens on this computer's loopback is reached there under
 * another address. Names in small letters win, as in curl.
 */
export function proxySettings(env: NodeJS.ProcessEnv): ProxySettings | undefined {
  const http = inGuest(env.http_proxy || env.HTTP_PROXY);
  const https = inGuest(env.https_proxy || env.HTTPS_PROXY);
  const no = env.no_proxy || env.NO_PROXY;
  if (!http && !https) return undefined;
  return { ...(http && { http }), ...(https && { https }), ...(no && { no }) };
}

function inGuest(proxy: string | undefined): string | undefined {
  if (!proxy) return undefined;
  const url = URL.parse(proxy.includes('://') ? proxy : `http://${proxy}`);
  if (!url) return proxy;
  if (loopback.test(url.hostname)) url.hostname = hostInGuest;
  return url.href.replace(/\/$/, '');
}

/** Where Linux distributions keep the certificates that an administrator added (Debian; Fedora; Arch). */
const anchorFolders = [
  '/usr/local/share/ca-certificates',
  '/etc/pki/ca-trust/source/anchors',
  '/etc/ca-certificates/trust-source/anchors',
];

/**
 * Certificates (PEM) that this computer trusts and Node does not bring along: companies' own, mostly. On Linux only what
 * somebody added is read: the whole store costs an eighth of a second of every start.
 */
export function ownCertificates(
  env: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
): string | undefined {
  const named = [env.NODE_EXTRA_CA_CERTS, env.SSL_CERT_FILE].flatMap(file => (file ? certificatesIn(file) : []));
  const system = platform === 'linux' ? anchorFolders.flatMap(certificatesUnder) : getCACertificates('system');
  const found = [...named, ...system];
  if (found.length === 0) return undefined;
  const usual = new Set(rootCertificates.map(bare));
  const own = new Map(found.filter(pem => !usual.has(bare(pem))).map(pem => [bare(pem), pem.trim()]));
  return own.size > 0 ? [...own.values()].join('\n') : undefined;
}

function certificatesUnder(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => !entry.isDirectory());
  return files.flatMap(({ parentPath, name }) => certificatesIn(join(parentPath, name)));
}

/** The PEM certificates in a file; none when it cannot be read. */
function certificatesIn(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  } catch {
    return [];
  }
}

const bare = (pem: string): string => pem.replace(/\s+|-----[A-Z ]+-----/g, '');
