import { readFileSync } from 'node:fs';
import { invalidArgument, messageOf } from '../../contracts/errors.ts';
import { type DaemonConfig, daemonConfig, ignoredKeys, knownKeys, refusedKeys, wholeObjects } from './directives.ts';
import { checkConfig, labelsWithoutConflict } from './validate.ts';

/** What a file says, and which of its keys say nothing here. */
export interface ReadConfig {
  config: DaemonConfig;
  ignored: string[];
}

/** Flags that were given on the command line, by the names that the file would have for them. */
export type GivenFlags = Readonly<Record<string, string | undefined>>;

/** @throws invalid-argument with dockerd's words, the file's name in front */
export function readConfigFile(path: string, flags: GivenFlags = {}): ReadConfig {
  try {
    const read = parseConfig(contentOf(path), flags);
    return { ...read, config: { ...read.config, labels: labelsWithoutConflict(read.config.labels ?? []) } };
  } catch (cause) {
    const message = messageOf(cause);
    if (message.startsWith('conflict labels')) throw cause;
    throw invalidArgument(`unable to configure the Docker daemon with file ${path}: ${message}`, { cause });
  }
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw invalidArgument(`open ${path}: ${code === 'ENOENT' ? 'no such file or directory' : messageOf(cause)}`);
  }
}

/** @throws invalid-argument in dockerd's words */
export function parseConfig(content: string, flags: GivenFlags = {}): ReadConfig {
  if (content.trim() === '') return { config: {}, ignored: [] };
  const said = flattened(documentOf(content));
  const strange = Object.keys(said).filter(key => !isDirective(key));
  if (strange.length > 0) {
    throw invalidArgument(`the following directives don't match any configuration option: ${strange.join(', ')}`);
  }
  checkConflicts(said, flags);
  const config = daemonConfig(said, '');
  checkConfig(config);
  return { config, ignored: ignoredKeys.filter(key => said[key] !== undefined && said[key] !== null) };
}

const isDirective = (key: string): boolean => [knownKeys, refusedKeys, ignoredKeys].some(keys => keys.includes(key));

function documentOf(content: string): Record<string, unknown> {
  let document: unknown;
  try {
    document = JSON.parse(content);
  } catch (cause) {
    const { message } = cause as SyntaxError;
    const cut = /end of JSON|Unterminated|Expected property name or '}'/.test(message);
    throw invalidArgument(`invalid JSON: ${cut ? 'unexpected end of JSON input' : message}`, { cause });
  }
  if (document === null) return {};
  if (typeof document === 'object' && !Array.isArray(document)) return document as Record<string, unknown>;
  const kind = Array.isArray(document) ? 'array' : typeof document === 'boolean' ? 'bool' : typeof document;
  throw invalidArgument(`invalid JSON: json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`);
}

/** Objects that are no values, such as `proxies`, hold directives. */
function flattened(document: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(document).flatMap(([key, value]) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && !wholeObjects.includes(key)
      ? Object.entries(value)
      : [[key, value] as const],
  );
  return Object.fromEntries(entries);
}

function checkConflicts(said: Record<string, unknown>, flags: GivenFlags): void {
  const twice = Object.entries(flags).flatMap(([key, given]) =>
    given !== undefined && key in said ? [`${key}: (from flag: ${given}, from file: ${String(said[key])})`] : [],
  );
  if (twice.length === 0) return;
  throw invalidArgument(
    `the following directives are specified both as a flag and in the configuration file: ${twice.join(', ')}`,
  );
}
