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
 * subgid(5) give to that user. For `default` there may be none yet: then the first free one is taken, and written down
 * where that is possible (in our machine, which nobody else uses, it is always the same).
 * @throws invalid-argument in dockerd's words
 */
export function readUserRemap(setting: string, etc = '/etc'): UserRemap {
  const parts = setting.split(':');
  if (parts.length > 2) {
    throw invalidArgument(`invalid user/group specification in --userns-remap: ${JSON.stringify(setting)}`);
  }
  if (setting === 'default') return defaultRemap(etc);
  const user = nameOf(parts[0] ?? '', 'uid', etc);
  const group = nameOf(parts[1] ?? user, 'gid', etc);
  const find = (file: string, name: string): IdMapping[] => toMappings(readText(join(etc, file)), name);
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

function defaultRemap(etc: string): UserRemap {
  const [uids = '', gids = ''] = ['subuid', 'subgid'].map(file => readText(join(etc, file)));
  const ends = [...linesOf(uids), ...linesOf(gids)].map(([, start, size]) => Number(start) + Number(size));
  const range = `${defaultUser}:${Math.max(firstSubordinate, ...ends.filter(Number.isSafeInteger))}:${rangeSize}\n`;
  const find = (file: string, text: string): IdMapping[] => {
    const known = toMappings(text, defaultUser);
    if (known.length > 0) return known;
    writeDown(join(etc, file), range);
    return toMappings(range, defaultUser);
  };
  return { uidMappings: find('subuid', uids), gidMappings: find('subgid', gids) };
}

function writeDown(path: string, line: string): void {
  try {
    appendFileSync(path, line);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EROFS') throw error;
  }
}
