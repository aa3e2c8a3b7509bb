import { basename, join } from 'node:path';
import { invalidArgument } from '../../contracts/errors.ts';

/** `HostConfig.LogConfig`, with the names of our own values. */
export interface LogConfig {
  type: 'json-file' | 'none' | 'local';
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
}

const common = ['mode', 'max-buffer-size'];
const known: Record<LogConfig['type'], string[]> = {
  'json-file': ['max-size', 'max-file', 'compress', 'labels', 'labels-regex', 'env', 'env-regex', 'tag', ...common],
  local: ['max-size', 'max-file', 'compress', ...common],
  none: common,
};
const units: Record<string, number> = { '': 1, b: 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12, p: 1e15 };

/** `10m`, `1.5 GB`: decimal, as go-units' FromHumanSize. */
function parseSize(text: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?) ?([bkmgtp]?)(?:i?b)?$/i.exec(text) ?? [];
  if (digits === undefined) throw invalidArgument(`invalid size: '${text}'`);
  return Math.floor(Number(digits) * (units[unit.toLowerCase()] ?? 1));
}

function parseCount(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw invalidArgument(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

/**
 * A container's log configuration as Docker would accept it. Without a driver: json-file.
 * @throws EngineError invalid-argument in Docker's words
 */
export function parseLogConfig(type: string | undefined, options: Record<string, string> = {}): LogConfig {
  const driver = type || 'json-file';
  if (!Object.hasOwn(known, driver)) throw invalidArgument(`logger: no log driver named '${driver}' is registered`);
  const config = { type: driver as LogConfig['type'], options };
  for (const name of Object.keys(options))
    if (!known[config.type].includes(name)) throw invalidArgument(`unknown log opt '${name}' for ${driver} log driver`);
  logFileOf('/', config);
  return config;
}

/** @throws EngineError invalid-argument in Docker's words */
export function logFileOf(directory: string, { type, options }: LogConfig): LogFile {
  const local = type === 'local';
  const size = options['max-size'] ?? (local ? '20m' : undefined);
  const maxBytes = size === undefined || size === '-1' ? Number.POSITIVE_INFINITY : parseSize(size);
  if (maxBytes <= 0) throw invalidArgument('max-size must be a positive number');
  const maxFiles = parseCount(options['max-file'] ?? (local ? '5' : '1'));
  if (maxFiles < 1) throw invalidArgument('max-file cannot be less than 1');
  const compress = ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(options.compress ?? '');
  if (compress && (maxFiles < 2 || maxBytes === Number.POSITIVE_INFINITY))
    throw invalidArgument('compress cannot be true when max-file is less than 2 or max-size is not set');
  const path = local ? join(directory, 'local-logs', 'container.log') : logPath(directory);
  return { path, ownFolder: local, maxBytes, maxFiles };
}

/** `<containers>/<id>/<id>-json.log`: the `LogPath` of inspect. */
export const logPath = (directory: string): string => join(directory, `${basename(directory)}-json.log`);
