import { BlockList, isIP } from 'node:net';

/** Proxies as the environment names them (`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`, or in lower case). */
export interface ProxySettings {
  httpProxy?: string;
  httpsProxy?: string;
  noProxy?: string;
}

/** The settings in an environment. */
export function proxiesIn(environment: Readonly<Record<string, string | undefined>>): ProxySettings {
  const read = (name: string): string | undefined => environment[name] || environment[name.toLowerCase()] || undefined;
  return { httpProxy: read('HTTP_PROXY'), httpsProxy: read('HTTPS_PROXY'), noProxy: read('NO_PROXY') };
}

/**
 * The proxy for `url`, or undefined to go straight. `NO_PROXY` as Go reads it: `*`, `example.com` (and below it),
 * `.example.com` (only below it), addresses, CIDR blocks, each with an optional port. Loopback is never proxied.
 */
export function proxyFor(url: URL, settings: ProxySettings): string | undefined {
  const proxy = url.protocol === 'https:' ? settings.httpsProxy : settings.httpProxy;
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (!proxy || isLoopback(host)) return undefined;
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const rules = (settings.noProxy ?? '').split(',').map(rule => rule.trim().toLowerCase());
  if (rules.some(rule => rule !== '' && spares(rule, host, port))) return undefined;
  return proxy.includes('://') ? proxy : `http://${proxy}`;
}

/** True for `localhost` and the loopback addresses. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || inBlock(host, '127.0.0.0/8');

function spares(rule: string, host: string, port: string): boolean {
  if (rule === '*') return true;
  if (inBlock(host, rule)) return true;
  const [, name = rule, rulePort] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(rule) ?? [];
  if (rulePort && rulePort !== port) return false;
  if (isIP(host)) return host === name || host === rule;
  const suffix = name.replace(/^\*?\./, '');
  return (name === suffix && host === name) || host.endsWith(`.${suffix}`);
}

/** True when `host` is an address in the CIDR block `block`. */
export function inBlock(host: string, block: string): boolean {
  const [base = '', bits] = block.split('/');
  const family = isIP(base);
  if (bits === undefined || family === 0 || isIP(host) !== family) return false;
  const list = new BlockList();
  const type = family === 6 ? 'ipv6' : 'ipv4';
  list.addSubnet(base, Number(bits), type);
  return list.check(host, type);
}
