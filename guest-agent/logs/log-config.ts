import { basename, join } from 'node:path';
import { invalidArgument, messageOf } from '../../contracts/errors.ts';
import { parseBoolean, parseHumanSize, parseInteger, parseMemorySize } from './go-values.ts';
import { remoteDrivers } from './remote-drivers.ts';

/** `HostConfig.LogConfig`, with the name of a driver that is there. */
export interface LogConfig {
  type: string;
  options: Record<string, string>;
}

/** Where a log goes and when it is rotated. */
export interface LogFile {
  path: string;
  /** Bytes after which the file is put aside; infinite when it never is. */
  maxBytes: number;
  /** Its folder is the log's alone and made with it. */
  ownFolder: boolean;
  /** How many files there may be, the one being written among them. */
  maxFiles: number;
  /** Files that are put aside are packed by gzip. */
  compress: boolean;
}

const common = ['mode', 'max-buffer-size', 'cache-disabled', 'cache-max-size', 'cache-max-file', 'cache-compress'];
const jsonFile = ['max-size', 'max-file', 'compress', 'labels', 'labels-regex', 'env', 'env-regex', 'tag'];
const local = ['max-size', 'max-file', 'compress'];
/** Of `local`, and of the copy that the engine keeps of what goes elsewhere. */
const localSize = '20m';
const localFiles = '5';

/** Every driver, for `docker info`. */
export const logDrivers: readonly string[] = ['none', 'json-file', 'local', ...Object.keys(remoteDrivers)].sort();

/**
 * A container's log configuration as Docker would take it at its creation. Without a driver: json-file.
 * @throws EngineError invalid-argument in Docker's words
 */
export function parseLogConfig(type: string | undefined, options: Record<string, string> = {}): LogConfig {
  const driver = type || 'json-file';
  if (!logDrivers.includes(driver)) throw invalidArgument(`logger: no log driver named '${driver}' is registered`);
  checkMode(options);
  checkCache(options);
  const own = Object.fromEntries(Object.entries(options).filter(([name]) => !common.includes(name)));
  const unknown = (names: readonly string[]): string | undefined =>
    Object.keys(own).find(name => !names.includes(name));
  const [odd, localOdd] = [unknown(driver === 'none' ? [] : jsonFile), unknown(local)];
  if (driver === 'local' && localOdd) throw invalidArgument(`unknown log opt '${localOdd}' for log driver local`);
  if ((driver === 'json-file' || driver === 'none') && odd) {
    throw invalidArgument(`unknown log opt '${odd}' for ${driver} log driver`);
  }
  remoteDrivers[driver]?.check(own);
  return { type: driver, options };
}

function checkMode(options: Record<string, string>): void {
  const { mode, 'max-buffer-size': size } = options;
  if (mode && mode !== 'blocking' && mode !== 'non-blocking') {
    throw invalidArgument(`logger: logging mode not supported: ${mode}`);
  }
  if (size === undefined) return;
  if (mode !== 'non-blocking') {
    throw invalidArgument("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
  }
  try {
    parseMemorySize(size);
  } catch {
    throw invalidArgument(`error parsing option max-buffer-size: invalid size: '${size}'`);
  }
}

function checkCache(options: Record<string, string>): void {
  try {
    if (options['cache-disabled'] !== undefined) parseBoolean(options['cache-disabled']);
  } catch {
    throw invalidArgument(`invalid value for option cache-disabled: ${options['cache-disabled']}`);
  }
}

/**
 * The file that a container's log is in, or undefined when none is kept.
 * @throws EngineError invalid-argument in Docker's words, which it says at the start
 */
export function logFileOf(directory: string, { type, options }: LogConfig): LogFile | undefined {
  if (type === 'none') return undefined;
  if (type === 'json-file') return jsonFileOf(directory, options);
  if (type === 'local') return localFileOf(join(directory, 'local-logs', 'container.log'), options);
  if (parseBoolean(options['cache-disabled'] ?? 'false')) return undefined;
  const cache = ['max-size', 'max-file', 'compress'].flatMap(name => {
    const value = options[`cache-${name}`];
    return value === undefined ? [] : [[name, value]];
  });
  return { ...localFileOf(join(directory, 'container-cached.log'), Object.fromEntries(cache)), ownFolder: false };
}

function jsonFileOf(directory: string, options: Record<string, string>): LogFile {
  const size = options['max-size'];
  const maxBytes = size === undefined ? Number.POSITIVE_INFINITY : sizeOf(size);
  const maxFiles = filesOf(options['max-file'] ?? '1');
  const compress = options.compress !== undefined && parseBoolean(options.compress);
  if (compress && (maxFiles < 2 || maxBytes === Number.POSITIVE_INFINITY))
    throw invalidArgument('compress cannot be true when max-file is less than 2 or max-size is not set');
  return { path: logPath(directory), ownFolder: false, maxBytes, maxFiles, compress };
}

function localFileOf(path: string, options: Record<string, string>): LogFile {
  const { 'max-size': size = localSize, 'max-file': files = localFiles } = options;
  const maxBytes = named('max-size', size, parseHumanSize) || Number.POSITIVE_INFINITY;
  if (maxBytes > mostBytes && maxBytes !== Number.POSITIVE_INFINITY)
    throw invalidArgument('max size should be a positive number');
  const count = named('max-file', files, parseInteger);
  if (count < 0) throw invalidArgument('max file count cannot be less than 0');
  const maxFiles = Math.max(count, 1);
  const compress = compressionOf(options.compress ?? 'true');
  if (compress && maxFiles === 1) throw invalidArgument('compression cannot be enabled when max file count is 1');
  return { path, ownFolder: true, maxBytes, maxFiles, compress };
}

function compressionOf(text: string): boolean {
  try {
    return parseBoolean(text);
  } catch (error) {
    throw invalidArgument(`error reading compress log option: ${(error as Error).message}`);
  }
}

/** More is a negative number for Go. */
const mostBytes = 2 ** 63;

function named(option: string, text: string, parse: (text: string) => number): number {
  try {
    return parse(text);
  } catch (error) {
    throw invalidArgument(`invalid value for ${option}: ${text}: ${messageOf(error)}`, { cause: error });
  }
}

function sizeOf(text: string): number {
  const size = parseHumanSize(text);
  if (size <= 0 || size >= mostBytes) throw invalidArgument('max-size must be a positive number');
  return size;
}

function filesOf(text: string): number {
  const files = parseInteger(text);
  if (files < 1) throw invalidArgument('max-file cannot be less than 1');
  return files;
}

/** `<containers>/<id>/<id>-json.log`: the `LogPath` of inspect. */
export const logPath = (directory: string): string => join(directory, `${basename(directory)}-json.log`);
