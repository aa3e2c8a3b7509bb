import { invalidArgument } from '../../contracts/errors.ts';

export const propagations = ['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared'] as const;
export type Propagation = (typeof propagations)[number];

export const isPropagation = (text: string): text is Propagation => (propagations as readonly string[]).includes(text);

/** What stands behind the second colon of `-v a:b:mode`. */
export interface BindMode {
  rw: boolean;
  propagation: Propagation | undefined;
  /** Undefined unless it says something. */
  copy: false | undefined;
}

const groups: readonly (readonly string[])[] = [
  ['rw', 'ro'],
  ['z', 'Z'],
  propagations,
  ['nocopy'],
  ['consistent', 'cached', 'delegated'],
];

/** True when every part is known and no two contradict each other. The SELinux and consistency parts are for other hosts. */
export function isBindMode(mode: string): boolean {
  if (mode === '') return false;
  const seen = new Set<readonly string[]>();
  return mode.split(',').every(part => {
    const group = groups.find(members => members.includes(part));
    if (!group || seen.has(group)) return false;
    seen.add(group);
    return true;
  });
}

/** @throws invalid-argument in Docker's words */
export function parseBindMode(mode: string): BindMode {
  if (mode !== '' && !isBindMode(mode)) throw invalidArgument(`invalid mode: ${mode}`);
  const parts = mode.split(',');
  const copy = parts.includes('nocopy') ? false : undefined;
  return { rw: !parts.includes('ro'), propagation: parts.find(isPropagation), copy };
}

const tmpfsFlags = [
  ['rw', 'ro'],
  ['suid', 'nosuid'],
  ['dev', 'nodev'],
  ['exec', 'noexec'],
  ['async', 'sync'],
  ['dirsync'],
  ['defaults'],
  ['mand', 'nomand'],
  ['atime', 'noatime'],
  ['diratime', 'nodiratime'],
  ['relatime', 'norelatime', 'strictatime', 'nostrictatime'],
  [...propagations, 'unbindable', 'runbindable'],
] as const;
const tmpfsKeys = ['size', 'mode', 'uid', 'gid', 'nr_inodes', 'nr_blocks', 'mpol'];
const tmpfsDefaults = ['noexec', 'nosuid', 'nodev'];

/** Docker's defaults with what the user says instead, as mount options. @throws invalid-argument in Docker's words */
export function mergeTmpfsOptions(wanted: readonly string[]): string[] {
  const merged = new Map<unknown, string>();
  for (const option of [...tmpfsDefaults, ...wanted]) {
    const [key = ''] = option.split('=', 1);
    const group = tmpfsFlags.find(members => (members as readonly string[]).includes(option));
    if (!group && !(option.includes('=') && tmpfsKeys.includes(key))) {
      throw invalidArgument(`invalid tmpfs option ${JSON.stringify(key)}`);
    }
    merged.set(group ?? key, option);
  }
  return [...merged.values()];
}
