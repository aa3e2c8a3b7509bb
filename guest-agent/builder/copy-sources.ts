import { join } from 'node:path';
import { booleanFlag } from './dockerfile/arguments.ts';
import { expandWord } from './dockerfile/expand.ts';
import { heredocOf } from './dockerfile/heredoc.ts';
import type { Instruction } from './dockerfile/lines.ts';
import { FileTree } from './file-tree.ts';
import { fetchRemote, isRemote } from './remote-files.ts';
import type { StepContext } from './steps.ts';

/** Files of the context, a named one, a stage or an image. */
export const filesFrom = async (from: string, paths: readonly string[], context: StepContext): Promise<FileTree> =>
  (await treeOf(from, context)) ?? context.sources.filesOf(await context.rootOf(from), paths);

/** The context or a named one; undefined for what is an image or a stage. */
export async function treeOf(from: string, { sources }: StepContext): Promise<FileTree | undefined> {
  if (from === '') return sources.context();
  const named = await sources.named(from);
  return named instanceof FileTree ? named : undefined;
}

/** What COPY or ADD names: files, and where each of the words is found among them. */
export interface CopySources {
  tree: FileTree;
  sources: string[];
  /** Something comes from an address: archives stay as they are, unless somebody asks. */
  hasRemote: boolean;
}

/** Here-documents and addresses become files beside those of the context, in folders of their own. */
export async function copySources(
  words: readonly string[],
  { instruction, from, checksum }: { instruction: Instruction; from: string; checksum: string | undefined },
  context: StepContext,
): Promise<CopySources> {
  const isAddress = (word: string): boolean => instruction.keyword === 'ADD' && isRemote(word);
  const plain = words.filter(word => !heredocOf(word) && !isAddress(word));
  if (plain.length === words.length) {
    return { tree: await filesFrom(from, plain, context), sources: plain, hasRemote: false };
  }
  const tree = context.sources.tree(plain.length > 0 ? await filesFrom(from, plain, context) : undefined);
  const keepGitFolder = booleanFlag(instruction, 'keep-git-dir');
  const rooms = { ...context, scratch: context.sources.scratch, secret: (id: string) => context.sources.secret(id) };
  const sources: string[] = [];
  for (const [index, word] of words.entries()) {
    const folder = `.berth-source-${index}`;
    if (heredocOf(word)) sources.push(addDocument(word, folder, { instruction, tree }, context));
    else if (isAddress(word)) {
      sources.push(await fetchRemote(word, { tree, folder }, { checksum, keepGitFolder }, rooms));
    } else sources.push(word);
  }
  return { tree, sources, hasRemote: words.some(isAddress) };
}

function addDocument(
  word: string,
  folder: string,
  { instruction, tree }: { instruction: Instruction; tree: FileTree },
  { expansion }: StepContext,
): string {
  const name = heredocOf(word)?.name ?? '';
  const document = instruction.heredocs.find(each => each.name === name);
  const content = document?.content ?? '';
  const path = join(folder, name);
  tree.addFile(path, Buffer.from(document?.expand ? expandWord(content, { ...expansion, keepQuotes: true }) : content));
  return path;
}
