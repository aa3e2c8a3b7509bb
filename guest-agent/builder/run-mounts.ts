import { posix } from 'node:path';
import { suggestion } from './dockerfile/check.ts';
import { stepError } from './dockerfile/failure.ts';

/** `RUN --mount=…`, read. */
export interface RunMount {
  /** `script` is what a here-document with an interpreter of its own becomes; nobody can ask for it. */
  type: 'bind' | 'cache' | 'tmpfs' | 'secret' | 'ssh' | 'script';
  target: string;
  source: string;
  /** Stage, image or context; '' is the build's own context (bind) or nothing (cache). */
  from: string;
  id: string;
  readonly: boolean;
  required: boolean;
  sharing: 'shared' | 'private' | 'locked';
  mode: number | undefined;
  uid: number;
  gid: number;
  sizeBytes: number | undefined;
  /** A secret that is a variable. */
  env: string;
}

const types = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'];
const units: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** @throws invalid-argument in BuildKit's words. Values are expanded already. */
export function parseMount(text: string, workingDir: string, line: number): RunMount {
  const fields = fieldsOf(text, line);
  const type = fields.get('type') || 'bind';
  if (!isType(type)) throw stepError(`unsupported mount type ${JSON.stringify(type)}${suggestion(type, types)}`, line);
  if (fields.has('size') && type !== 'tmpfs') throw stepError(`unexpected key 'size' for mount type '${type}'`, line);
  const flag = (name: string): boolean | undefined => {
    const value = fields.get(name);
    return value === undefined ? undefined : yes.includes(value);
  };
  const sharing = fields.get('sharing') || 'shared';
  if (sharing !== 'shared' && sharing !== 'private' && sharing !== 'locked') {
    throw stepError(`unsupported sharing value ${JSON.stringify(sharing)}`, line);
  }
  if (fields.get('sharing') && type !== 'cache') throw stepError(`invalid cache sharing set for ${type} mount`, line);
  const target = targetOf(fields.get('target') ?? '', type, workingDir);
  if (target === '/') throw stepError(`invalid mount target "/"`, line);
  const number = (name: string, base = 10): number | undefined => numberOf(fields.get(name), base, name, line);
  const id = fields.get('id') ?? '';
  const writable = flag('readwrite');
  return {
    type,
    target,
    source: fields.get('source') ?? '',
    from: fields.get('from') ?? '',
    id,
    readonly: writable === undefined ? (flag('readonly') ?? type === 'bind') : !writable,
    required: flag('required') ?? false,
    sharing,
    mode: number('mode', 8),
    uid: number('uid') ?? 0,
    gid: number('gid') ?? 0,
    sizeBytes: sizeOf(fields.get('size'), line),
    env: fields.get('env') ?? '',
  };
}

function fieldsOf(text: string, line: number): Map<string, string> {
  const fields = new Map<string, string>();
  for (const field of text.split(',')) {
    const at = field.indexOf('=');
    const key = (at === -1 ? field : field.slice(0, at)).toLowerCase();
    const name = aliases[key] ?? key;
    if (!known.includes(name)) throw stepError(`unexpected key '${key}' in '${field}'${suggestion(key, keys)}`, line);
    const value = at === -1 ? '' : field.slice(at + 1);
    if (switches.includes(name)) checkBoolean(value, key, line);
    fields.set(name, value);
  }
  return fields;
}

/** Secrets and agents have places of their own where nobody names one; all else is where the step works. */
const targetOf = (target: string, type: RunMount['type'], workingDir: string): string =>
  target === '' && (type === 'secret' || type === 'ssh') ? '' : posix.resolve('/', workingDir, target);

/** A mount of which nothing else is said. */
export const plainMount = (type: RunMount['type'], target: string): RunMount => ({
  type,
  target,
  source: '',
  from: '',
  id: '',
  readonly: false,
  required: false,
  sharing: 'shared',
  mode: undefined,
  uid: 0,
  gid: 0,
  sizeBytes: undefined,
  env: '',
});

/** A file that the step's command is: its text, and where it stands. */
export const scriptMount = (target: string, text: string): RunMount => ({
  ...plainMount('script', target),
  source: text,
  readonly: true,
});

const aliases: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'target',
  destination: 'target',
  ro: 'readonly',
  rw: 'readwrite',
};
const switches = ['readonly', 'readwrite', 'required'];
const known = 'type target source from id readonly readwrite required sharing mode uid gid size env'.split(' ');
/** In BuildKit's order: of two that are as near, the first is meant. */
const keys =
  'type from source target readonly id sharing required size mode uid gid src dst destination ro rw readwrite env'.split(
    ' ',
  );

const isType = (text: string): text is RunMount['type'] => types.includes(text);

const yes = ['', 'true', '1'];

function checkBoolean(text: string, name: string, line: number): void {
  if (![...yes, 'false', '0'].includes(text)) throw stepError(`invalid value for ${name}: ${text}`, line);
}

function numberOf(text: string | undefined, base: number, name: string, line: number): number | undefined {
  if (text === undefined) return undefined;
  const number = Number.parseInt(text, base);
  if (!Number.isInteger(number) || number < 0) throw stepError(`invalid value ${text} for ${name}`, line);
  return number;
}

function sizeOf(text: string | undefined, line: number): number | undefined {
  if (text === undefined) return undefined;
  const [, digits, unit = ''] = /^(\d+)([bkmg]?)b?$/i.exec(text) ?? [];
  if (digits === undefined) throw stepError(`invalid value for size: ${text}`, line);
  return Number(digits) * (units[unit.toLowerCase()] ?? 1);
}
