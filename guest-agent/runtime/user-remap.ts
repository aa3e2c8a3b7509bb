import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { invalidArgument } from '../../contracts/errors.ts';
import type { IdMapping } from '../../contracts/oci/runtime-spec.ts';

/** Which numbers outside the users and groups of containers are. */
export interface UserRemap {
  uidMappings: IdMapping[];
  gidMappings: IdMapping[];
}

const defaultUser = 'dockremap';
const [firstSubordinate, rangeSize] = [100_000, 65_536];
const highest = 0xffff_fffe;

/**
 * Reads `userns-remap`: `default`, `user`, `user:group`, each a name or a number; the ranges are those that subuid(5) and
 * subgid(5) give to that user. For `default` there may be none yet: then the first free one is taken and written down.
 * @throws invalid-argument in dockerd's words
 */
export function readUserRemap(setting: string, etc = '/etc'): UserRemap {
  const parts = setting.split(':');
  if (parts.length > 2) {
    throw invalidArgument(`invalid user/group specification in --userns-remap: ${JSON.stringify(setting)}`);
  }
  const isDefault = setting === 'default';
  const user = isDefault ? defaultUser : nameOf(parts[0] ?? '', 'uid', etc);
  const group = isDefault ? defaultUser : nameOf(parts[1] ?? user, 'gid', etc);
  const find = (file: string, name: string): IdMapping[] => toMappings(readText(join(etc, file)), name);
  if (isDefault) ensureDefaultRange(etc);
  return {
    uidMappings: someOf(find('subuid', user), 'subuid', user),
    gidMappings: someOf(find('subgid', group), 'subgid', group),
  };
}

const readText = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

const linesOf = (text: string): string[][] =>
  text
    .split('\n')
    .filter(line => line.trim() !== '' && !line.startsWith('#'))
    .map(line => line.trim().split(':'));

/** A number stands for the account that has it. */
function nameOf(given: string, kind: 'uid' | 'gid', etc: string): string {
  const accounts = linesOf(readText(join(etc, kind === 'uid' ? 'passwd' : 'group')));
  const found = accounts.find(([name, , number]) => name === given || number === given)?.[0];
  if (found === undefined || given === '') {
    throw invalidArgument(
      `error during ${kind} lookup for ${JSON.stringify(given)}: no matching entries in ${kind === 'uid' ? 'passwd' : 'group'} file`,
    );
  }
  return found;
}

/** The ranges of `name` one after another, as the numbers inside count. */
function toMappings(text: string, name: string): IdMapping[] {
  let next = 0;
  return linesOf(text)
    .filter(([owner]) => owner === name)
    .map(([, start, size]) => ({ hostID: Number(start), size: Number(size) }))
    .filter(({ hostID, size }) => hostID > 0 && size > 0 && hostID + size <= highest)
    .sort((left, right) => left.hostID - right.hostID)
    .map(({ hostID, size }) => {
      const mapping = { containerID: next, hostID, size };
      next += size;
      return mapping;
    });
}

function someOf(mappings: IdMapping[], file: string, name: string): IdMapping[] {
  if (mappings.length > 0) return mappings;
  throw invalidArgument(`can't create ID mappings: no ${file} ranges found for user ${JSON.stringify(name)}`);
}

function ensureDefaultRange(etc: string): void {
  const texts = ['subuid', 'subgid'].map(file => readText(join(etc, file)));
  const [uids = [], gids = []] = texts.map(linesOf);
  const ends = [...uids, ...gids].map(([, start, size]) => Number(start) + Number(size));
  const start = Math.max(firstSubordinate, ...ends.filter(Number.isSafeInteger));
  for (const [file, lines] of [
    ['subuid', uids],
    ['subgid', gids],
  ] as const) {
    if (!lines.some(([owner]) => owner === defaultUser))
      appendFileSync(join(etc, file), `${defaultUser}:${start}:${rangeSize}\n`);
  }
}
