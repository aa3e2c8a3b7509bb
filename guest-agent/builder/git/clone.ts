import { posix } from 'node:path';
import { invalidArgument, notImplemented } from '../../../contracts/errors.ts';
import { type FileTree, plainEntry } from '../file-tree.ts';
import { withoutCredentials } from '../shown-address.ts';
import { Spool } from '../spool.ts';
import type { GitAddress } from './address.ts';
import { checkOut, type Submodule } from './checkout.ts';
import { Pack, type ReadAt } from './pack.ts';
import { packIndex } from './pack-index.ts';
import { fetchPack, findCommit, type GitServer, type WebRequest } from './upload-pack.ts';

export interface CloneRooms {
  request: WebRequest;
  /** Of the client: `GIT_AUTH_TOKEN` and the like. */
  secret(id: string): Promise<Buffer | undefined>;
  scratch: string;
  signal: AbortSignal;
}

interface Clone {
  address: GitAddress;
  /** Where its files come. */
  prefix: string;
  keepGitFolder: boolean;
  tree: FileTree;
}

/** Whose repository was asked for: only that server may see credentials that are for no server in particular. */
interface Depth {
  depth: number;
  host: string | undefined;
}

/** How deep repositories may stand in each other. */
const deepest = 8;

/** The files of a repository, and of those inside it, as git would check them out. Resolves with the commit. */
export async function cloneInto(
  clone: Clone,
  rooms: CloneRooms,
  { depth, host }: Depth = { depth: 0, host: undefined },
): Promise<string> {
  const { address, tree, prefix } = clone;
  const trusted = host ?? hostOf(address.remote);
  const server = await serverOf(address.remote, trusted, rooms);
  const commit = await findCommit(
    server,
    address.ref || (/^[0-9a-f]{40}$/.test(address.checksum) ? address.checksum : ''),
  );
  if (!commit.startsWith(address.checksum)) {
    throw invalidArgument(`expected checksum to match ${address.checksum}, got ${commit}`);
  }
  const spool = new Spool(rooms.scratch);
  try {
    await fetchPack(server, commit, piece => spool.write(piece));
    const read: ReadAt = (offset, size) => Buffer.concat([...spool.read(offset, size)]);
    const pack = new Pack(read, spool.end);
    const submodules = checkOut(pack, commit, { tree, prefix, subdirectory: address.subdirectory });
    if (clone.keepGitFolder) addGitFolder(clone, commit, pack, read, spool.end);
    for (const each of submodules) await cloneSubmodule(each, clone, rooms, { depth: depth + 1, host: trusted });
    return commit;
  } finally {
    spool.close();
  }
}

async function cloneSubmodule(
  { path, commit }: Submodule,
  { address, prefix, tree }: Clone,
  rooms: CloneRooms,
  at: Depth,
): Promise<void> {
  const file = tree.get(posix.join(prefix, '.gitmodules'));
  if (file?.type !== 'file' || at.depth > deepest) return;
  const inside = prefix === '' ? path : path.slice(prefix.length + 1);
  const url = urlOf(tree.bytesOf(file).toString(), posix.join(address.subdirectory, inside));
  if (url === undefined) return;
  const remote = url.startsWith('.') ? new URL(url, `${address.remote.replace(/(?<!\/)\/*$/, '')}/`).href : url;
  const found = { remote, ref: commit, subdirectory: '', checksum: '' };
  await cloneInto({ address: found, prefix: path, keepGitFolder: false, tree }, rooms, at);
}

/** `.gitmodules`: the url of the section whose path it is. */
function urlOf(modules: string, path: string): string | undefined {
  const sections: Map<string, string>[] = [];
  for (const line of modules.split('\n')) {
    if (line.trimStart().startsWith('[')) sections.push(new Map());
    const equals = line.indexOf('=');
    if (equals !== -1) sections.at(-1)?.set(line.slice(0, equals).trim(), line.slice(equals + 1).trim());
  }
  return sections.find(section => section.get('path') === path)?.get('url');
}

const hostOf = (remote: string): string => (URL.canParse(remote) ? new URL(remote).host : '');

/** @throws not-implemented for a way that is not HTTP's */
async function serverOf(remote: string, trusted: string, { request, secret, signal }: CloneRooms): Promise<GitServer> {
  if (!/^https?:/.test(remote)) {
    const shown = withoutCredentials(remote);
    throw notImplemented(`git repositories by ssh and by git's own protocol are not part of Berth yet: ${shown}`);
  }
  const { hostname, host } = new URL(remote);
  const names = (kind: string): string[] => [`${kind}.${hostname}`, ...(host === trusted ? [kind] : [])];
  for (const name of names('GIT_AUTH_HEADER')) {
    const header = await secret(name);
    if (header) return { remote, request, signal, authorization: header.toString().trim() };
  }
  for (const name of names('GIT_AUTH_TOKEN')) {
    const token = await secret(name);
    if (!token) continue;
    const credentials = Buffer.from(`x-access-token:${token.toString().trim()}`).toString('base64');
    return { remote, request, signal, authorization: `Basic ${credentials}` };
  }
  return { remote, request, signal, authorization: undefined };
}

/** `.git`, as far as git's programs need it to tell what was checked out. */
function addGitFolder({ address, prefix, tree }: Clone, commit: string, pack: Pack, read: ReadAt, size: number): void {
  const digest = read(size - 20, 20);
  const name = `objects/pack/pack-${digest.toString('hex')}`;
  const config = `[core]\n\trepositoryformatversion = 0\n\tbare = false\n[remote "origin"]\n\turl = ${withoutCredentials(address.remote)}\n`;
  const folder = posix.join(prefix, '.git');
  for (const each of ['', 'objects', 'objects/pack', 'refs', 'refs/heads']) {
    tree.add(posix.join(folder, each), plainEntry('directory'));
  }
  const files: Record<string, string | Buffer> = {
    HEAD: `${commit}\n`,
    shallow: `${commit}\n`,
    config,
    [`${name}.pack`]: read(0, size),
    [`${name}.idx`]: packIndex(pack, read, digest),
  };
  for (const [file, content] of Object.entries(files)) {
    tree.addFile(posix.join(folder, file), Buffer.from(content), { mode: 0o644 });
  }
}
