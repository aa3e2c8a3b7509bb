import { createHash } from 'node:crypto';
import { encode } from '../../guest-agent/builder/buildkit/messages.ts';

/** An output of an operation. */
export interface Node {
  digest: string;
  index: number;
}

export type Mount = { input: number; dest: string; output: number } & Readonly<Record<string, unknown>>;

/** Makes graphs as BuildKit's clients do (moby/buildkit, client/llb), by hand: field by field. */
export class GraphMaker {
  readonly #operations = new Map<string, Uint8Array>();
  readonly #metadata: Record<string, object> = {};

  add(operation: object, inputs: readonly Node[] = [], metadata: object = {}): Node {
    const bytes = encode('Operation', { inputs, ...operation });
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    this.#operations.set(digest, bytes);
    this.#metadata[digest] = metadata;
    return { digest, index: 0 };
  }

  source(identifier: string, attrs: Readonly<Record<string, string>> = {}): Node {
    return this.add({ source: { identifier, attrs }, platform: { Architecture: 'amd64', OS: 'linux' } });
  }

  image(name = 'docker.io/library/busybox:latest'): Node {
    return this.source(`docker-image://${name}`);
  }

  /** A command of the shell; `mounts` beside the root, which is the first input unless somebody says otherwise. */
  shell(
    command: string,
    inputs: readonly Node[],
    {
      mounts = [],
      root = {},
      meta = {},
      ...more
    }: Readonly<Record<string, unknown>> & {
      mounts?: readonly Mount[];
      root?: object;
      meta?: object;
    } = {},
  ): Node {
    const all = [{ input: 0, dest: '/', output: 0, ...root }, ...mounts];
    const usual = { args: ['/bin/sh', '-c', command], env: ['PATH=/bin:/usr/bin'], cwd: '/' };
    return this.add({ exec: { meta: { ...usual, ...meta }, mounts: all, ...more } }, inputs);
  }

  /** Actions on files, each on what the one before made, the first on the first input; the last is the result. */
  files(inputs: readonly Node[], actions: readonly object[], first = inputs.length > 0 ? 0 : -1): Node {
    const all = actions.map((action, at) => ({
      input: at === 0 ? first : inputs.length + at - 1,
      secondaryInput: -1,
      output: at === actions.length - 1 ? 0 : -1,
      ...action,
    }));
    return this.add({ file: { actions: all } }, inputs);
  }

  merge(inputs: readonly Node[]): Node {
    return this.add({ merge: { inputs: inputs.map((_, input) => ({ input })) } }, inputs);
  }

  diff(lower: Node | undefined, upper: Node): Node {
    const inputs = [...(lower ? [lower] : []), upper];
    return this.add({ diff: { lower: { input: lower ? 0 : -1 }, upper: { input: inputs.length - 1 } } }, inputs);
  }

  /** The whole, with that as its result. */
  definition(result: Node): object {
    const end = encode('Operation', { inputs: [result] });
    return { def: [...this.#operations.values(), end], metadata: this.#metadata };
  }
}

/** Actions on files, with what a client of Go's sends for what is not said. */
export const make = {
  directory: (path: string, more: object = {}) => ({ mkdir: { path, mode: 0o755, timestamp: -1, ...more } }),
  file: (path: string, text: string, more: object = {}) => ({
    mkfile: { path, mode: 0o644, data: Buffer.from(text), timestamp: -1, ...more },
  }),
  link: (newpath: string, oldpath: string, more: object = {}) => ({
    symlink: { oldpath, newpath, timestamp: -1, ...more },
  }),
  remove: (path: string, more: object = {}) => ({ rm: { path, ...more } }),
  copy: (secondaryInput: number, src: string, dest: string, more: object = {}) => ({
    secondaryInput,
    copy: { src, dest, mode: -1, timestamp: -1, ...more },
  }),
};

/** An owner by name or number. */
export const owner = (user: number | string, group?: number | string): object => {
  const one = (id: number | string): object =>
    typeof id === 'number' ? { byID: id } : { byName: { name: id, input: 0 } };
  return { user: one(user), ...(group === undefined ? {} : { group: one(group) }) };
};
