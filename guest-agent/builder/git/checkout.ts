import { posix } from 'node:path';
import { invalidArgument } from '../../../contracts/errors.ts';
import { type FileTree, plainEntry } from '../file-tree.ts';
import type { Pack } from './pack.ts';

/** A repository inside another: which commit of it stands where. */
export interface Submodule {
  path: string;
  commit: string;
}

interface Entry {
  mode: number;
  name: string;
  id: string;
}

/** Files of a commit come into the tree. Returns the repositories that belong inside. @throws invalid-argument */
export function checkOut(
  pack: Pack,
  commit: string,
  into: { tree: FileTree; prefix: string; subdirectory: string },
): Submodule[] {
  const said = textOf(pack, commit);
  const root = /^tree ([0-9a-f]{40})$/m.exec(said)?.[1];
  if (!root) throw invalidArgument(`${commit} is no commit`);
  const seconds = Number(/^committer .* (\d+) [+-]\d{4}$/m.exec(said)?.[1] ?? 0);
  const start = into.subdirectory === '' ? root : descend(pack, root, into.subdirectory);
  const walk = new Walk(pack, into.tree, new Date(seconds * 1000));
  walk.directory(start, into.prefix);
  return walk.submodules;
}

function textOf(pack: Pack, id: string): string {
  const object = pack.get(id);
  if (!object) throw invalidArgument(`the pack lacks ${id}`);
  return object.data.toString();
}

function descend(pack: Pack, root: string, path: string): string {
  return path.split('/').reduce((id, name) => {
    const entry = entriesOf(pack, id).find(each => each.name === name && each.mode === 0o40000);
    if (!entry) throw invalidArgument(`subdir not found: ${path}`);
    return entry.id;
  }, root);
}

/** `<mode> <name>\0<id>`, one after another. */
function entriesOf(pack: Pack, id: string): Entry[] {
  const object = pack.get(id);
  if (object?.type !== 'tree') throw invalidArgument(`the pack lacks the directory ${id}`);
  const entries: Entry[] = [];
  for (let at = 0; at < object.data.length; ) {
    const end = object.data.indexOf(0, at);
    const [mode = '', name = ''] = object.data.toString('utf8', at, end).split(/ (.*)/s);
    entries.push({ mode: Number.parseInt(mode, 8), name, id: object.data.toString('hex', end + 1, end + 21) });
    at = end + 21;
  }
  return entries;
}

class Walk {
  readonly submodules: Submodule[] = [];
  readonly #pack: Pack;
  readonly #tree: FileTree;
  readonly #mtime: Date;

  constructor(pack: Pack, tree: FileTree, mtime: Date) {
    this.#pack = pack;
    this.#tree = tree;
    this.#mtime = mtime;
  }

  directory(id: string, path: string): void {
    if (path !== '') this.#tree.add(path, { ...plainEntry('directory'), mtime: this.#mtime });
    for (const entry of entriesOf(this.#pack, id)) this.#entry(entry, posix.join(path, entry.name));
  }

  #entry({ mode, name, id }: Entry, path: string): void {
    if (name === '' || name === '..' || name === '.' || name.includes('/'))
      throw invalidArgument(`bad name in ${path}`);
    if (mode === 0o40000) this.directory(id, path);
    else if (mode === 0o160000) this.submodules.push({ path, commit: id });
    else if (mode === 0o120000) {
      this.#tree.add(path, {
        ...plainEntry('symlink'),
        mode: 0o777,
        mtime: this.#mtime,
        target: textOf(this.#pack, id),
      });
    } else {
      const object = this.#pack.get(id);
      if (object?.type !== 'blob') throw invalidArgument(`the pack lacks ${path}`);
      this.#tree.addFile(path, object.data, { mode: mode & 0o111 ? 0o755 : 0o644, mtime: this.#mtime });
    }
  }
}
