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

/** Certificates (PEM) that this computer trusts and Node does not bring along: companies' own, mostly. */
export function ownCertificates(): string | undefined {
  const usual = new Set(rootCertificates.map(bare));
  const own = [...getCACertificates('system'), ...getCACertificates('extra')].filter(pem => !usual.has(bare(pem)));
  return own.length > 0 ? [...new Set(own.map(pem => pem.trim()))].join('\n') : undefined;
}

const bare = (pem: string): string => pem.replace(/\s+|-----[A-Z ]+-----/g, '');
