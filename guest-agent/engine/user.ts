import { invalidArgument } from '../../contracts/errors.ts';

/** Who a process runs as, and where its home is. */
export interface ResolvedUser {
  uid: number;
  gid: number;
  additionalGids: number[];
  home: string;
}

interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

interface GroupEntry {
  name: string;
  gid: number;
  members: string[];
}

/** Highest id that Docker takes (2^31 - 1). */
const highestId = 2_147_483_647;

/**
 * Resolves `user[:group]`, by name or number, with the texts of the container's own /etc/passwd and /etc/group
 * (empty when it has none). A number that is not in the files stands for itself.
 * @throws invalid-argument in Docker's words
 */
export function resolveUser(spec: string, passwdText: string, groupText: string): ResolvedUser {
  const [userPart = '', groupPart = ''] = spec.split(':', 2);
  const passwd = parsePasswd(passwdText);
  const groups = parseGroups(groupText);
  const found = findUser(userPart, passwd);
  const name = found.name;
  const additionalGids =
    groupPart === '' && name !== undefined ? groups.filter(g => g.members.includes(name)).map(g => checkId(g.gid)) : [];
  const gid = groupPart === '' ? found.gid : findGroup(groupPart, groups);
  return { uid: found.uid, gid, additionalGids, home: found.home };
}

function findUser(user: string, passwd: readonly PasswdEntry[]): Omit<PasswdEntry, 'name'> & { name?: string } {
  const number = /^[+-]?\d+$/.test(user) ? Number(user) : user === '' ? 0 : undefined;
  const entry = passwd.find(line => line.name === user) ?? passwd.find(line => line.uid === number);
  if (entry) return withIds(entry);
  if (number === undefined) throw invalidArgument(`unable to find user ${user}: no matching entries in passwd file`);
  return withIds({ uid: number, gid: 0, home: '/' });
}

/** The files are the image's, and to setresuid(2) -1 (or 2^32 - 1) means "stay root". */
function withIds<T extends { uid: number; gid: number }>(ids: T): T {
  checkId(ids.uid);
  checkId(ids.gid);
  return ids;
}

function checkId(id: number): number {
  if (Number.isInteger(id) && id >= 0 && id <= highestId) return id;
  throw invalidArgument(`uids and gids must be in range 0-${highestId}`);
}

function findGroup(group: string, groups: readonly GroupEntry[]): number {
  const entry = groups.find(line => line.name === group);
  if (entry) return checkId(entry.gid);
  if (!/^-?\d+$/.test(group)) throw invalidArgument(`unable to find group ${group}: no matching entries in group file`);
  return checkId(Number(group));
}

/** Numbers of `--group-add` names. @throws invalid-argument in Docker's words */
export function resolveGroups(wanted: readonly string[], groupText: string): number[] {
  const groups = parseGroups(groupText);
  return wanted.map(group => findGroup(group, groups));
}

const fieldsOf = (text: string): string[][] =>
  text
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => line.trim().split(':'));

/** As Docker reads the files: what is no number is 0. */
const numberIn = (text: string): number => (/^[+-]?\d+$/.test(text) ? Number(text) : 0);

function parsePasswd(text: string): PasswdEntry[] {
  return fieldsOf(text).map(([name = '', , uid = '', gid = '', , home = '']) => ({
    name,
    uid: numberIn(uid),
    gid: numberIn(gid),
    home: home || '/',
  }));
}

function parseGroups(text: string): GroupEntry[] {
  return fieldsOf(text).map(([name = '', , gid = '', members = '']) => ({
    name,
    gid: numberIn(gid),
    members: members.split(',').filter(Boolean),
  }));
}
