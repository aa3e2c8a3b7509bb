import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../../contracts/errors.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import { familiar, parseReference, type Reference, tagOf } from '../../contracts/oci/reference.ts';
import { type Image, ownPlatform, type PlatformImage } from '../images/index.ts';
import { returnBlocksAbove } from '../syscalls/memory.ts';
import { becomeNonDumpable } from '../syscalls/process.ts';
import { platformArgs } from './args.ts';
import { BuildSources } from './build-sources.ts';
import { StepCache } from './cache.ts';
import { CacheMounts } from './cache-mounts.ts';
import {
  type BuilderOptions,
  type BuildInput,
  type BuildRequest,
  type BuildWarning,
  type BuildWatcher,
  type StepExchange,
  silentWatcher,
} from './contract.ts';
import { stepError } from './dockerfile/failure.ts';
import { ignorer } from './dockerfile/ignore.ts';
import { syntaxOf } from './dockerfile/lines.ts';
import { type Dockerfile, neededStages, parseDockerfile, targetStage } from './dockerfile/stages.ts';
import type { GraphSolver } from './graph/graph-solver.ts';
import type { GraphInput } from './graph/rooms.ts';
import { BuildHistory } from './history.ts';
import { Kept } from './kept.ts';
import { checkSettings, fileFindings } from './lint.ts';
import { ignoredSources } from './lint-stage.ts';
import { Linter } from './linter.ts';
import { removeStepContainers } from './run-step.ts';
import { Solver } from './solver.ts';
import { imageWords } from './state.ts';

/** Of memory: what is larger is not kept for later. */
const blockBytes = 64 * 1024;

/** A build under way. */
export interface Build {
  request: BuildRequest;
  input: BuildInput;
  watcher: BuildWatcher;
  exchange: StepExchange;
  signal: AbortSignal;
}

/** What was learned of a Dockerfile. */
export interface Survey {
  dockerfile: Dockerfile;
  /** Of the file. */
  name: string;
  warnings: readonly BuildWarning[];
  /** Why it could not be gone through to its end. */
  failure: unknown;
}

/** Builds images, and keeps what its steps made. */
export class Builder {
  readonly options: BuilderOptions;
  readonly history: BuildHistory;
  readonly #cache: StepCache;
  readonly #caches: CacheMounts;
  /** What builds left. */
  readonly kept: Kept;

  private constructor(options: BuilderOptions, cache: StepCache) {
    this.options = options;
    this.history = new BuildHistory(join(options.root, 'history'));
    this.#cache = cache;
    this.#caches = new CacheMounts(join(options.root, 'cache-mounts'));
    this.kept = new Kept({ ...options, steps: cache, mounts: this.#caches });
  }

  /** Takes over what an earlier one kept; what a crash left half done goes. */
  static async open(options: BuilderOptions): Promise<Builder> {
    mkdirSync(options.root, { recursive: true, mode: 0o700 });
    returnBlocksAbove(blockBytes); // contexts pass through memory in blocks
    becomeNonDumpable(); // and so do secrets: a crash leaves no picture of it
    for (const name of ['scratch', 'mounts']) rmSync(join(options.root, name), { recursive: true, force: true });
    rmSync(join(options.execRoot, 'build'), { recursive: true, force: true });
    await removeStepContainers(options.containers);
    return new Builder(options, await StepCache.open(join(options.root, 'cache'), options.images));
  }

  /** Where files of contexts are held while a build lasts. */
  get scratch(): string {
    return join(this.options.root, 'scratch');
  }

  /** The image that the Dockerfile makes; no list shows it before it is {@link keep}t. @throws in BuildKit's words */
  async build(build: Build): Promise<Image> {
    const file = await build.input.dockerfile();
    refuseForeign(file.source);
    const record = this.history.begin(build.request, file.name, file.source);
    const signal = AbortSignal.any([build.signal, record.signal]);
    try {
      const image = await this.#solve({ ...build, signal, watcher: record.watching(build.watcher) }, file);
      record.done(image.id);
      return image;
    } catch (error) {
      record.failed(error, signal.aborted);
      throw error;
    }
  }

  async #solve(build: Build, file: DockerfileText): Promise<Image> {
    const { dockerfile, linter } = readBuild(build, file);
    const { request } = build;
    return this.#withSources(build, async sources => {
      const rooms = { ...build, options: this.options, cache: this.#cache, caches: this.#caches, sources, linter };
      if (linter.endsBuilds) await new Solver(dockerfile, { ...rooms, watcher: silentWatcher, dry: true }).solve();
      linter.throwIfWanted();
      const state = await new Solver(dockerfile, { ...rooms, dry: false }).solve();
      const config = { ...imageWords(state, request.labels), ...build.exchange.wordsFor(state.root) };
      return await this.options.images.compose({ layersOf: state.root, config, intermediate: true });
    });
  }

  /**
   * What can be said of a Dockerfile without building it: by its text alone, or `through` stages as well, for which their
   * images are needed. What is wrong there is told, not thrown.
   */
  async survey(build: Build, through: 'nothing' | 'target' | 'everything'): Promise<Survey> {
    const file = await build.input.dockerfile();
    refuseForeign(file.source);
    const { dockerfile, linter } = readBuild(build, file);
    const { name } = file;
    if (through === 'nothing') return { dockerfile, name, warnings: linter.warnings, failure: undefined };
    const ignored = ignorer((await build.input.ignored?.()) ?? []);
    const all = through === 'everything';
    const stages = all ? dockerfile.stages : neededStages(targetStage(dockerfile, build.request.target), dockerfile);
    for (const stage of stages) for (const each of ignoredSources(stage, ignored)) linter.found(each);
    const failure = await this.#withSources(build, async sources => {
      const rooms = { ...build, options: this.options, cache: this.#cache, caches: this.#caches, sources, linter };
      const solver = new Solver(dockerfile, { ...rooms, dry: true });
      const gone: Promise<unknown> = all ? solver.survey() : solver.solve();
      return gone.then(() => undefined).catch((error: unknown) => error);
    });
    return { dockerfile, name, warnings: linter.warnings, failure };
  }

  /** While it lasts nothing is pruned; what was opened for it is closed after it. */
  async #withSources<T>(build: Build, work: (sources: BuildSources) => Promise<T>): Promise<T> {
    const sources = new BuildSources(this.options, build);
    try {
      return await this.kept.during(() => work(sources));
    } finally {
      sources.close();
      build.input.close?.();
    }
  }

  /** Works on graphs of a client's own, until it is closed. */
  async openGraphs(build: Build, input: GraphInput): Promise<GraphSolver> {
    const { GraphSolver: Graphs } = await import('./graph/graph-solver.ts');
    const sources = new BuildSources(this.options, build);
    return new Graphs({ ...build, input, options: this.options, cache: this.#cache, caches: this.#caches, sources });
  }

  /** Makes it an image like others, and gives it its names. */
  async keep(image: Image, references: readonly Reference[]): Promise<void> {
    this.history.named(image.id, references.map(familiar));
    const { rootfs: _, ...config } = image.config;
    await this.options.images.compose({ layersOf: image, config, intermediate: false });
    for (const reference of references) {
      await this.options.images.tag(image.id, reference);
      this.options.emit({ type: 'image', action: 'tag', id: image.id, attributes: { name: familiar(reference) } });
    }
  }

  /** Makes them one image of several platforms, and gives it its names. Resolves with the digest of their index. */
  async keepIndex(images: readonly PlatformImage[], references: readonly Reference[]): Promise<Digest> {
    for (const { image } of images) {
      await this.keep(image, []);
      this.history.named(image.id, references.map(familiar));
    }
    const digest = await this.options.images.keepIndex(images, references);
    for (const reference of references)
      this.options.emit({ type: 'image', action: 'tag', id: digest, attributes: { name: familiar(reference) } });
    return digest;
  }
}

/** The Dockerfile, and who judges it: what is found in the file as a whole is told. */
type DockerfileText = Awaited<ReturnType<BuildInput['dockerfile']>>;

function readBuild({ request, watcher }: Build, { source }: DockerfileText) {
  const dockerfile = readDockerfile(source);
  const settings = checkSettings(dockerfile, request.args.BUILDKIT_DOCKERFILE_CHECK);
  const linter = new Linter(settings, warning => watcher.warning(warning));
  const own = ownPlatform();
  for (const finding of fileFindings(dockerfile, platformArgs(own, own))) linter.found(finding);
  return { dockerfile, linter };
}

/** A file that is for another frontend than the Dockerfile's. */
export class ForeignSyntax extends EngineError {
  /** What it says after `# syntax=`: an image, and perhaps words for it. */
  readonly syntax: string;
  /** Where it says so. */
  readonly line: number;

  constructor({ syntax, line }: { syntax: string; line: number }) {
    super('not-implemented', `the frontend ${syntax} is not part of Berth: only docker/dockerfile is`);
    this.syntax = syntax;
    this.line = line;
  }
}

/** Docker's own frontends are ours. */
export const isOwnFrontend = (image: string): boolean =>
  /^(docker\.io\/)?docker\/dockerfile(-upstream)?([:@].*)?$/.test(image);

/** @throws ForeignSyntax */
function refuseForeign(source: string): void {
  const said = syntaxOf(source);
  if (said && !isOwnFrontend(said.syntax)) throw new ForeignSyntax(said);
}

/** @throws DockerfileError */
export function readDockerfile(source: string): Dockerfile {
  try {
    return parseDockerfile(source);
  } catch (error) {
    if (error instanceof Error && error.message.endsWith('file with no instructions')) {
      throw stepError('file with no instructions', 1, { cause: error });
    }
    throw error;
  }
}

/** `-t` values. @throws invalid-argument in Docker's words */
export function toReferences(tags: readonly string[]): Reference[] {
  return tags.map(tag => tagOf(parseReference(tag)));
}
