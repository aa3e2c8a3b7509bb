import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { EngineError, invalidArgument } from '../../contracts/errors.ts';
import { isRegistryError } from '../registry/index.ts';
import type { BuilderOptions } from './contract.ts';
import { type FileTree, plainEntry } from './file-tree.ts';
import { type GitAddress, parseGitAddress } from './git/address.ts';
import { tarOf } from './packed-files.ts';

/** What is needed to bring something from elsewhere. */
export interface RemoteRooms {
  options: Pick<BuilderOptions, 'registry'>;
  scratch: string;
  signal: AbortSignal;
  /** Of the client: credentials for repositories. */
  secret(id: string): Promise<Buffer | undefined>;
  /** What a client has at the address, where only it knows that. */
  uploaded?: Readable | undefined;
}

/** An address of the web or of a git repository. */
export const isRemote = (word: string): boolean => /^https?:\/\//.test(word) || parseGitAddress(word) !== undefined;

/** How ADD wants what it names. */
interface AddOptions {
  checksum: string | undefined;
  keepGitFolder: boolean;
}

/** ADD of an address: a file of that name, or a repository's files, in the folder. Returns the path in the tree. */
export async function fetchRemote(
  address: string,
  { tree, folder }: { tree: FileTree; folder: string },
  { checksum, keepGitFolder }: AddOptions,
  rooms: RemoteRooms,
): Promise<string> {
  const git = parseGitAddress(address);
  if (git) {
    tree.add(folder, plainEntry('directory'));
    await fetchGit({ ...git, checksum: checksum ?? git.checksum }, { tree, prefix: folder, keepGitFolder }, rooms);
    return folder;
  }
  const name = posix.basename(new URL(address).pathname);
  if (name === '' || name === '/') throw invalidArgument(`cannot determine filename for source ${address}`);
  const path = posix.join(folder, name);
  await fetchFile(address, { tree, path }, { checksum, mode: 0o600 }, rooms);
  return path;
}

/** A file of the web, at the path. @throws invalid-argument for other bytes than were asked for */
export async function fetchFile(
  address: string,
  { tree, path }: { tree: FileTree; path: string },
  { checksum, mode }: { checksum: string | undefined; mode: number },
  { options, signal }: RemoteRooms,
): Promise<void> {
  const { stream, mtime } = await options.registry.download(address, signal).catch(error => {
    throw unfetched(error);
  });
  const digest = await addStream(tree, path, stream, { mode, mtime: mtime ?? new Date(0) });
  if (checksum !== undefined && checksum !== digest) {
    throw invalidArgument(`digest mismatch ${digest}: ${checksum}`);
  }
}

/** What a page says of itself is not for people who build. */
function unfetched(error: unknown): unknown {
  if (!(error instanceof EngineError)) return error;
  const status = isRegistryError(error.cause) ? error.cause.status : undefined;
  const reason = status === undefined ? error.message : `invalid response status ${status}`;
  return new EngineError(error.kind, `failed to load cache key: ${reason}`, { cause: error });
}

/** A file of what comes; resolves with its digest. */
async function addStream(
  tree: FileTree,
  name: string,
  stream: Readable,
  attributes: { mode: number; mtime: Date },
): Promise<string> {
  const file = tree.begin();
  for await (const chunk of stream as AsyncIterable<Buffer>) file.write(chunk);
  const content = file.end();
  tree.add(name, { ...plainEntry('file'), ...attributes, ...content });
  return `sha256:${content.digest}`;
}

/** What it takes to speak with a server of repositories is loaded when there is one. */
export async function fetchGit(
  address: GitAddress,
  into: { tree: FileTree; prefix: string; keepGitFolder: boolean },
  { options, scratch, signal, secret }: RemoteRooms,
): Promise<void> {
  const { cloneInto } = await import('./git/clone.ts');
  const request = options.registry.request;
  await cloneInto({ address, ...into }, { request, secret, scratch, signal });
}

/** What a build whose context is an address begins with. */
export interface RemoteContext {
  tree: FileTree;
  /** The one file that there is, when it is the Dockerfile. */
  dockerfile: string | undefined;
}

/** A context that is no directory of the client's: a repository, an archive, or a Dockerfile alone. */
export async function fetchContext(
  address: string,
  { tree, keepGitFolder }: { tree: FileTree; keepGitFolder: boolean },
  rooms: RemoteRooms,
): Promise<RemoteContext> {
  const git = parseGitAddress(address);
  if (git) {
    await fetchGit(git, { tree, prefix: '', keepGitFolder }, rooms);
    return { tree, dockerfile: undefined };
  }
  const name = 'context';
  const stream = rooms.uploaded ?? (await rooms.options.registry.download(address, rooms.signal)).stream;
  await addStream(tree, name, stream, { mode: 0o644, mtime: new Date(0) });
  const file = tree.get(name);
  const tar = file && (await tarOf(tree, file, rooms.signal));
  if (!tar) return { tree, dockerfile: name };
  tree.remove(name);
  await tree.addTar(tar, { resetOwners: true });
  return { tree, dockerfile: undefined };
}
