import { randomBytes } from 'node:crypto';
import { join, posix } from 'node:path';
import { EngineError, invalidArgument } from '../../contracts/errors.ts';
import type { Platform } from '../../contracts/oci/image-spec.ts';
import { familiarName, parseReference, type Reference, toText, withDefaultTag } from '../../contracts/oci/reference.ts';
import { type Image, ownPlatform, parsePlatform } from '../images/index.ts';
import type { AgentCall } from './agent-socket.ts';
import { dropStubs } from './container-stubs.ts';
import type { BuilderOptions, BuildInput, BuildRequest, BuildWatcher } from './contract.ts';
import { hasGlob } from './dockerfile/glob.ts';
import { cleanPath, FileTree } from './file-tree.ts';
import { MissingSource } from './select-files.ts';

/** Images and trees that a build takes from outside; all that it opened is closed with it. */
export class BuildSources {
  readonly #options: BuilderOptions;
  readonly #request: BuildRequest;
  readonly #input: BuildInput;
  readonly #watcher: BuildWatcher;
  readonly #signal: AbortSignal;
  readonly #trees = new Set<FileTree>();
  readonly #images = new Map<string, Promise<Image>>();
  readonly #named = new Map<string, Promise<FileTree | string | undefined>>();
  #context: Promise<FileTree> | undefined;

  constructor(
    options: BuilderOptions,
    build: { request: BuildRequest; input: BuildInput; watcher: BuildWatcher; signal: AbortSignal },
  ) {
    this.#options = options;
    this.#request = build.request;
    this.#input = build.input;
    this.#watcher = build.watcher;
    this.#signal = build.signal;
  }

  get scratch(): string {
    return join(this.#options.root, 'scratch');
  }

  /** A tree to which more may be added, empty or like another; closed with the build. */
  tree(like?: FileTree): FileTree {
    const tree = like ? like.copy(this.scratch) : new FileTree(this.scratch);
    this.#trees.add(tree);
    return tree;
  }

  /** Sent by the client once, when the first step wants it. */
  context(): Promise<FileTree> {
    this.#context ??= this.#input.context().then(tree => {
      this.#trees.add(tree);
      return tree;
    });
    return this.#context;
  }

  /** `--build-context name=…`: files, sent once, or another name of an image. */
  named(name: string): Promise<FileTree | string | undefined> {
    const known = this.#named.get(name);
    if (known) return known;
    const found = this.#input.named(name).then(each => {
      if (each instanceof FileTree) this.#trees.add(each);
      return each;
    });
    this.#named.set(name, found);
    return found;
  }

  secret(id: string): Promise<Buffer | undefined> {
    return this.#input.secret(id);
  }

  agent(id: string): Promise<(() => AgentCall) | undefined> {
    return this.#input.agent(id);
  }

  /** The image of a FROM, from here or from its registry; `context` is what a named context calls it. */
  image(name: string, platform: Platform, context?: string): Promise<Image> {
    const key = `${name} ${JSON.stringify(platform)}`;
    const found = this.#images.get(key) ?? this.#resolve(name, platform, context);
    this.#images.set(key, found);
    return found;
  }

  async #resolve(name: string, platform: Platform, context: string | undefined): Promise<Image> {
    const own = name.startsWith('sha256:') ? this.#options.images.find(name) : undefined;
    if (own) return own;
    const reference = withDefaultTag(parseReference(name));
    const step = this.#watcher.step({
      name: context
        ? `[context ${context}] load metadata for ${name}`
        : `[internal] load metadata for ${toText(reference)}`,
      text: '',
      line: undefined,
    });
    try {
      const image = await this.fetch(name, platform, this.#request.pull);
      step.done({ cached: false });
      return image;
    } catch (error) {
      step.failed(error);
      throw error;
    }
  }

  /** The image itself, from here, unless a newer one is wanted, or from its registry; nobody is told. */
  async fetch(name: string, platform: Platform, anew: boolean): Promise<Image> {
    const known = anew ? undefined : this.#options.images.find(name, platform);
    const image = known ?? (await this.#pull(name, platform));
    if (!name.startsWith('sha256:')) this.#tellOf(image, withDefaultTag(parseReference(name)), platform);
    return image;
  }

  #tellOf({ digestReferences, manifest }: Image, reference: Reference, platform: Platform): void {
    const ofRegistry = digestReferences.find(each => familiarName(each) === familiarName(reference));
    this.#watcher.used?.({ reference, platform, digest: ofRegistry?.digest ?? manifest?.digest });
  }

  async #pull(name: string, platform: Platform): Promise<Image> {
    const reference = withDefaultTag(parseReference(name));
    const auth = await this.#input.auth(
      familiarName(reference).includes('/') ? (toText(reference).split('/')[0] ?? '') : 'docker.io',
    );
    const signal = this.#signal;
    const options = { platform, ...(auth ? { auth } : {}), progress: () => undefined, signal };
    try {
      return await this.#options.images.pull(reference, options);
    } catch (error) {
      if (signal.aborted || !(error instanceof EngineError)) throw error;
      const where = `${name}: failed to resolve source metadata for ${toText(reference)}`;
      throw new EngineError('invalid-argument', `${where}: ${error.message}`, { cause: error });
    }
  }

  /** What the target runs on. @throws invalid-argument */
  platformOf(text: string | undefined): Platform {
    return text ? parsePlatform(text, ownPlatform()) : ownPlatform();
  }

  /** Of an image's files those that `sources` name. @throws MissingSource */
  async filesOf(image: Image | undefined, sources: readonly string[]): Promise<FileTree> {
    if (!image) throw invalidArgument('nothing can be copied from scratch');
    const { snapshots } = this.#options;
    const id = `build-${randomBytes(12).toString('hex')}`;
    const tree = this.tree();
    await snapshots.prepare(id, image.topChainId);
    try {
      const root = snapshots.open(id);
      try {
        for (const source of sources) await this.#packInto(tree, root.path, fixedPart(source), source);
      } finally {
        root.close();
      }
    } finally {
      await snapshots.remove(id);
    }
    return tree;
  }

  async #packInto(tree: FileTree, root: string, path: string, source: string): Promise<void> {
    const { archive } = this.#options;
    const stat = archive.stat(root, path);
    if (!stat) throw new MissingSource(source);
    const real = stat.linkTarget || path;
    if (path === '/') {
      await tree.addTar(archive.pack({ root, path: '/', contentsOnly: true }));
      dropStubs(tree);
      return;
    }
    const tar = archive.pack({ root, path: real, rename: posix.basename(path) });
    await tree.addTar(tar, { prefix: posix.dirname(path) });
  }

  close(): void {
    for (const tree of this.#trees) tree.close();
    this.#trees.clear();
  }
}

/** A reference in full, as progress shows it. @throws invalid-argument */
export const shownName = (name: string): string =>
  name.startsWith('sha256:') ? name : toText(withDefaultTag(parseReference(name)));

/** `/a/b*` → `/a`. */
function fixedPart(source: string): string {
  const parts = cleanPath(source).split('/');
  const glob = parts.findIndex(hasGlob);
  return `/${(glob === -1 ? parts : parts.slice(0, glob)).join('/')}`;
}
