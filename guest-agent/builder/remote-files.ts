import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { invalidArgument, notImplemented } from '../../contracts/errors.ts';
import type { FileTree } from './file-tree.ts';
import type { StepContext } from './steps.ts';

/** An address of the web or of a git repository. */
export const isRemote = (word: string): boolean => /^(https?:\/\/|git:\/\/|git@|ssh:\/\/)/.test(word);

const isGit = (word: string): boolean => !/^https?:/.test(word) || /\.git(#.*)?$/.test(word);

/** ADD of an address: a file of that name. Returns its path in the tree. @throws not-implemented for git */
export async function fetchRemote(
  address: string,
  tree: FileTree,
  { checksum, context }: { checksum: string | undefined; context: Pick<StepContext, 'options' | 'signal'> },
): Promise<string> {
  if (isGit(address)) throw notImplemented(`ADD of git repositories is not part of Berth yet: ${address}`);
  const name = posix.basename(new URL(address).pathname);
  if (name === '') throw invalidArgument(`cannot determine filename for ADD ${address}`);
  const { stream } = await context.options.registry.download(address, context.signal);
  const file = tree.begin();
  const hash = createHash('sha256');
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    hash.update(chunk);
    file.write(chunk);
  }
  const digest = `sha256:${hash.digest('hex')}`;
  if (checksum !== undefined && checksum !== digest) {
    throw invalidArgument(`digest mismatch ${digest}: ${checksum}`);
  }
  const content = file.end();
  const plain = { mode: 0o600, uid: 0, gid: 0, mtime: new Date(0), target: '', device: { major: 0, minor: 0 } };
  tree.add(name, { type: 'file', ...plain, attributes: {}, ...content });
  return name;
}
