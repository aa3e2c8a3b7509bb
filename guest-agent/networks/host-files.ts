import { closeSync, constants, fstatSync, ftruncateSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { invalidArgument } from '../../contracts/errors.ts';
import { serviceAddress } from '../names/index.ts';
import type { HostFiles } from './contract.ts';

const standardHosts = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::\tip6-localnet',
  'ff00::\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];
const publicResolvers = ['8.8.8.8', '8.8.4.4'];
const largestFile = 1024 * 1024;
const systemdStub = '127.0.0.53';

export interface Resolver {
  servers: string[];
  search: string[];
  options: string[];
}

/** What resolv.conf says; the last `search` or `domain` counts. */
export function parseResolver(text: string): Resolver {
  const resolver: Resolver = { servers: [], search: [], options: [] };
  for (const line of text.split('\n')) {
    const [word, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (word === 'nameserver' && values[0]) resolver.servers.push(values[0]);
    if (word === 'search' || word === 'domain') resolver.search = values;
    if (word === 'options') resolver.options.push(...values);
  }
  return resolver;
}

const isLoopback = (server: string): boolean => server.startsWith('127.') || server === '::1';

/** What a container asks instead of its host: loopback resolvers cannot be reached from a namespace of its own. */
export function containerResolver(
  host: Resolver,
  wish: Partial<Resolver>,
  { loopbackWorks }: { loopbackWorks: boolean },
): Resolver {
  const reachable = host.servers.filter(server => loopbackWorks || !isLoopback(server));
  return {
    servers: wish.servers?.length ? wish.servers : reachable.length > 0 ? reachable : publicResolvers,
    search: wish.search?.length ? wish.search.filter(domain => domain !== '.') : host.search,
    options: wish.options?.length ? wish.options : host.options,
  };
}

export function resolverText({ servers, search, options }: Resolver): string {
  const lines = servers.map(server => `nameserver ${server}`);
  if (search.length > 0) lines.push(`search ${search.join(' ')}`);
  if (options.length > 0) lines.push(`options ${options.join(' ')}`);
  return `${lines.join('\n')}\n`;
}

/** `name:address` or `name=address` → lines; `host-gateway` is the host as seen from the container. @throws invalid-argument */
export function extraHostLines(text: string, hostGateways: () => string[]): string[] {
  const at = text.search(/[:=]/);
  const name = text.slice(0, at);
  const address = text.slice(at + 1).replace(/^\[(.*)\]$/, '$1');
  if (at <= 0 || !address) throw invalidArgument(`bad format for add-host: "${text}"`);
  const addresses = address === 'host-gateway' ? hostGateways() : [address];
  if (addresses.length === 0) throw invalidArgument('unable to derive the IP value for host-gateway');
  return addresses.map(each => `${each}\t${name}`);
}

export function hostsText(parts: {
  extra: readonly string[];
  addresses: readonly string[];
  hostname: string;
  domainname?: string;
}): string {
  return `${[...standardHosts, ...parts.extra, ...ownLines(parts)].join('\n')}\n`;
}

/** What a container's hosts file says of the container itself. */
export function ownLines(self: { addresses: readonly string[]; hostname: string; domainname?: string }): string[] {
  const whole = self.domainname ? `${self.hostname}.${self.domainname}` : self.hostname;
  const [short = whole] = whole.split('.', 1);
  const names = short === whole ? whole : `${whole} ${short}`;
  return self.addresses.map(address => `${address}\t${names}`);
}

/**
 * Writes a whole file in its place, for it may be mounted in a container. It is never cut to nothing: ext4 writes one that
 * was to the disk as soon as it is closed (auto_da_alloc).
 */
export function replaceFile(path: string, text: string): void {
  const bytes = Buffer.from(text);
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT, hostFileMode);
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
    if (fstatSync(file).size > bytes.length) ftruncateSync(file, bytes.length);
  } finally {
    closeSync(file);
  }
}

/** Takes lines out of a file of a running container and puts others at its end; what else is there stays. */
export function editLines(
  path: string,
  change: { without?: readonly string[]; where?: (line: string) => boolean; and?: readonly string[] },
): void {
  const { without = [], where = () => false, and = [] } = change;
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > largestFile) return; // what a container made of it is its own
  const lines = readOr(path, '').split('\n');
  if (lines.at(-1) === '') lines.pop();
  const kept = lines.filter(line => !without.includes(line) && !where(line));
  replaceFile(path, `${[...kept, ...and].join('\n')}\n`);
}

/** Where a container asks that has a name service of its own, in Docker's words; `servers` undefined: the host's are asked. */
export function internalResolverText(wish: Partial<Resolver>, host: Resolver): string {
  const external = wish.servers?.length ? wish.servers : hostServers(host).map(server => `host(${server})`);
  const options = wish.options?.length ? wish.options : host.options;
  const ndots = options.some(option => option.startsWith('ndots:'));
  const search = wish.search?.length ? wish.search.filter(domain => domain !== '.') : host.search;
  const overrides = [
    wish.servers?.length && 'nameservers',
    wish.search?.length && 'search',
    wish.options?.length && 'options',
  ];
  const from = ndots ? (wish.options?.length ? 'override' : 'host') : 'internal';
  return [
    resolverText({ servers: [serviceAddress], search, options: ndots ? options : [...options, 'ndots:0'] }),
    "# Based on host file: '/etc/resolv.conf' (internal resolver)",
    `# ExtServers: [${external.join(' ')}]`,
    `# Overrides: [${overrides.filter(Boolean).join(' ')}]`,
    `# Option ndots from: ${from}`,
    '',
  ].join('\n');
}

/** Asked from the host's own network its loopback works, and with it a resolver that knows more than one network. */
export const hostServers = ({ servers }: Resolver): string[] => (servers.length > 0 ? servers : publicResolvers);

/** `options ndots:2`: names with fewer dots are looked for in the search list first. */
export function ndotsOf(options: readonly string[]): number {
  const [last] = options.filter(option => option.startsWith('ndots:')).slice(-1);
  return Number(last?.slice('ndots:'.length)) || 0;
}

/** What the host's resolv.conf says. */
export const readOwnResolver = (): Resolver => parseResolver(readOr('/etc/resolv.conf', ''));

/** The host's resolver; behind systemd-resolved's stub stand the real servers. */
export function readHostResolver(): Resolver {
  const own = readOwnResolver();
  if (!own.servers.includes(systemdStub)) return own;
  const behind = parseResolver(readOr('/run/systemd/resolve/resolv.conf', ''));
  return behind.servers.length > 0 ? behind : own;
}

export const readHostHosts = (): string => readOr('/etc/hosts', `${standardHosts.join('\n')}\n`);

/** Makes the three files that are bound into a container, with nothing in them yet. */
export function makeHostFiles(directory: string): void {
  for (const path of Object.values(hostFilesIn(directory))) replaceFile(path, '');
}

/** Writes the three files that are bound into the container. */
export function writeHostFiles(
  directory: string,
  contents: { hosts: string; resolvConf: string; hostname: string },
): HostFiles {
  const files = hostFilesIn(directory);
  replaceFile(files.hosts, contents.hosts);
  replaceFile(files.resolvConf, contents.resolvConf);
  replaceFile(files.hostname, `${contents.hostname}\n`);
  return files;
}

const hostFileMode = 0o644;

const hostFilesIn = (directory: string): HostFiles => ({
  hosts: join(directory, 'hosts'),
  resolvConf: join(directory, 'resolv.conf'),
  hostname: join(directory, 'hostname'),
});

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}
