import { isIPv6 } from 'node:net';
import { invalidArgument } from '../../contracts/errors.ts';
import type { DaemonConfig } from './directives.ts';

const logLevels = ['panic', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'];

type Check = (config: DaemonConfig) => string | undefined;

const negative =
  (key: 'max-concurrent-downloads' | 'max-concurrent-uploads' | 'max-download-attempts' | 'mtu', what: string): Check =>
  config =>
    (config[key] ?? 0) < 0 ? `invalid ${what}: ${config[key]}` : undefined;

const among =
  (
    key: 'log-level' | 'log-format' | 'default-ipc-mode' | 'default-cgroupns-mode',
    values: readonly string[],
    say: (value: string) => string,
  ): Check =>
  config => {
    const value = config[key];
    return !value || values.includes(value.toLowerCase()) ? undefined : say(value);
  };

/** In the order in which dockerd looks (moby daemon/config). */
const checks: readonly Check[] = [
  among('log-level', logLevels, level => `invalid logging level: ${level}`),
  among('log-format', ['text', 'json'], format => `invalid log format: ${format}`),
  config =>
    firstOf(
      config['dns-search'],
      domain => !isDomain(domain),
      domain => `${domain} is not a valid domain`,
    ),
  config =>
    firstOf(
      config.labels,
      label => !label.includes('='),
      label => `bad attribute format: ${label}`,
    ),
  config => badSixth(config['fixed-cidr-v6']),
  negative('mtu', 'default MTU'),
  negative('max-concurrent-downloads', 'max concurrent downloads'),
  negative('max-concurrent-uploads', 'max concurrent uploads'),
  negative('max-download-attempts', 'max download attempts'),
  config => badPort(config['network-diagnostic-port'] ?? 0),
  config => (config['registry-mirrors'] ?? []).map(badMirror).find(Boolean),
  config =>
    config['api-cors-header']
      ? 'DEPRECATED: The "api-cors-header" config parameter and the dockerd "--api-cors-header" option have been removed; use a reverse proxy if you need CORS headers'
      : undefined,
  config => (config['exec-opts'] ?? []).map(badExecOption).find(Boolean),
  among(
    'default-ipc-mode',
    ['private', 'shareable'],
    mode => `default IPC mode setting (${mode}) is invalid; use "shareable" or "private"`,
  ),
  among(
    'default-cgroupns-mode',
    ['host', 'private'],
    mode => `invalid default cgroup namespace (${mode}): use "host" or "private"`,
  ),
];

/** What dockerd checks once it has put flags and file together. @throws invalid-argument */
export function checkConfig(config: DaemonConfig): void {
  for (const check of checks) {
    const wrong = check(config);
    if (wrong !== undefined) {
      throw invalidArgument(`merged configuration validation from file and command line flags failed: ${wrong}`);
    }
  }
  checkFences(config);
}

/** Fences that are not there must not be believed to be there. */
function checkFences(config: DaemonConfig): void {
  if (config['authorization-plugins']?.length)
    throw invalidArgument('the directive "authorization-plugins" is not part of Berth yet');
}

function firstOf(
  values: readonly string[] | undefined,
  isWrong: (value: string) => boolean,
  say: (value: string) => string,
): string | undefined {
  const wrong = values?.find(isWrong);
  return wrong === undefined ? undefined : say(wrong);
}

function badSixth(range: string | undefined): string | undefined {
  if (!range) return undefined;
  const wrong = (why: string): string => `invalid fixed-cidr-v6: invalid fixed-cidr-v6: ${why}`;
  if (!range.includes('/')) return wrong(`netip.ParsePrefix(${JSON.stringify(range)}): no '/'`);
  return isIPv6(range.split('/')[0] ?? '') ? undefined : wrong(`'${range}' is not a valid IPv6 subnet`);
}

const isDomain = (domain: string): boolean => domain.trim() === '.' || /^[\w-]+(\.[\w-]+)*\.?$/.test(domain.trim());

const badPort = (port: number): string | undefined =>
  port < 0 || port > 65_535
    ? `invalid network-diagnostic-port (${port}): value must be between 0 and 65535`
    : undefined;

function badMirror(mirror: string): string | undefined {
  const schemes = "must use either 'https://' or 'http://'";
  const [, scheme] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(mirror) ?? [];
  if (scheme === undefined) return `invalid mirror: no scheme specified for "${mirror}": ${schemes}`;
  if (!['http', 'https'].includes(scheme)) {
    return `invalid mirror: unsupported scheme "${scheme}" in "${mirror}": ${schemes}`;
  }
  if (!URL.canParse(mirror)) return `invalid mirror: invalid URI: "${mirror}"`;
  const { search, hash, username } = new URL(mirror);
  if (search !== '' || hash !== '') return `invalid mirror: query or fragment at end of the URI "${mirror}"`;
  return username === '' ? undefined : `invalid mirror: username/password not allowed in URI "${mirror}"`;
}

function badExecOption(option: string): string | undefined {
  const [key = '', value = ''] = option.split('=').map(part => part.trim());
  if (key === '' || value === '') return `invalid exec-opt (${option}): must be formatted 'opt=value'`;
  return key.toLowerCase() === 'native.cgroupdriver'
    ? undefined
    : `invalid exec-opt (${option}): unknown option: '${key.toLowerCase()}'`;
}

/** Labels without those that are there twice. @throws invalid-argument when a key has two values */
export function labelsWithoutConflict(labels: readonly string[]): string[] {
  const seen = new Map<string, string>();
  for (const label of labels) {
    const at = label.indexOf('=');
    const [key, value] = [label.slice(0, at), label.slice(at + 1)];
    const other = seen.get(key);
    if (other !== undefined && other !== value) {
      throw invalidArgument(`conflict labels for ${key}=${value} and ${key}=${other}`);
    }
    seen.set(key, value);
  }
  return [...seen].map(([key, value]) => `${key}=${value}`);
}
