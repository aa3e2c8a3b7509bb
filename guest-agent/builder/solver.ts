import { invalidArgument, messageOf } from '../../contracts/errors.ts';
import type { ImageRunConfig, Platform } from '../../contracts/oci/image-spec.ts';
import { parseReference } from '../../contracts/oci/reference.ts';
import { formatPlatform, type Image, ownPlatform } from '../images/index.ts';
import { declareArgs, metaArgsOf, platformArgs } from './args.ts';
import { type BuildSources, shownName } from './build-sources.ts';
import type { StepCache } from './cache.ts';
import type { CacheMounts } from './cache-mounts.ts';
import type { BuilderOptions, BuildRequest, BuildWatcher, StepExchange } from './contract.ts';
import { type Expansion, expandWord } from './dockerfile/expand.ts';
import { stepError } from './dockerfile/failure.ts';
import { type Instruction, parseInstruction } from './dockerfile/lines.ts';
import { type Dockerfile, findBase, findStage, type Stage, sourcesOf, targetStage } from './dockerfile/stages.ts';
import { stageFindings } from './lint-stage.ts';
import type { Linter } from './linter.ts';
import { applyMetadata } from './metadata.ts';
import { continued, freshStage, imageWords, lookupIn, namesIn, type StageState } from './state.ts';
import { namesStages, shownNumber, shownText } from './step-name.ts';
import { fileSteps, type StepContext, usualPath } from './steps.ts';
import { surveyStep } from './survey-step.ts';

export interface SolverRooms {
  options: BuilderOptions;
  cache: StepCache;
  caches: CacheMounts;
  sources: BuildSources;
  request: BuildRequest;
  watcher: BuildWatcher;
  exchange: StepExchange;
  signal: AbortSignal;
  linter: Linter;
  /** Nothing is made: stages are only gone through, for what can be said of them. */
  dry: boolean;
}

/** What each stage's instructions are by number, for `[base 2/4]`. */
interface Numbering {
  prefix: string;
  total: number;
  at: number;
}

const isStep = ({ keyword }: Instruction): boolean => keyword in fileSteps;

/** Builds the stages that the target needs, each once, those that do not need each other at the same time. */
export class Solver {
  readonly #dockerfile: Dockerfile;
  readonly #rooms: SolverRooms;
  readonly #stages = new Map<Stage, Promise<StageState>>();
  readonly #meta: ReadonlyMap<string, string>;
  readonly #target: Stage;
  readonly #platform: Platform;
  /** Images that progress has shown already: stages on the same one share it. */
  readonly #shownBases = new Set<string>();

  /** @throws invalid-argument when the target is not there */
  constructor(dockerfile: Dockerfile, rooms: SolverRooms) {
    this.#dockerfile = dockerfile;
    this.#rooms = rooms;
    this.#target = targetStage(dockerfile, rooms.request.target);
    this.#platform = rooms.sources.platformOf(rooms.request.platform);
    const predefined = platformArgs(ownPlatform(), this.#platform);
    const { metaArgs, escapeMark } = dockerfile;
    this.#meta = metaArgsOf(metaArgs, rooms.request.args, predefined, escapeMark);
  }

  /** Goes through all stages, whether the target needs them or not; nothing is made. @throws what is wrong with them */
  async survey(): Promise<void> {
    for (const stage of this.#dockerfile.stages) await this.stage(stage);
  }

  async solve(): Promise<StageState> {
    this.#tellMetaArgs();
    return this.stage(this.#target);
  }

  /** A stage's result; asked for twice it is built once. */
  stage(stage: Stage): Promise<StageState> {
    const known = this.#stages.get(stage);
    if (known) return known;
    const building = this.#build(stage);
    building.catch(() => undefined);
    this.#stages.set(stage, building);
    return building;
  }

  /** The stage that `--from` names, if it is one. */
  findStage(name: string, before: Stage): Stage | undefined {
    return findStage(this.#dockerfile.stages, name, before.index);
  }

  async #build(stage: Stage): Promise<StageState> {
    const { request, linter } = this.#rooms;
    for (const finding of stageFindings(stage, this.#dockerfile.escapeMark)) linter.found(finding);
    if (request.serial) for (const needed of this.#needs(stage)) await this.stage(needed);
    else for (const needed of this.#needs(stage)) void this.stage(needed);
    const base = this.#expanded(stage, stage.base);
    const numbering = this.#numberingOf(stage, base);
    this.#tellInstruction(stage.from.text);
    const begun = await this.#begin(stage, base, numbering).catch(error => {
      throw located(error, stage.from);
    });
    let state = this.#datedBy(request.epoch, begun);
    if (state.root) this.#rooms.watcher.instructionDone?.(state.root.id, false);
    const triggers = (state.config.OnBuild ?? []).map(text => this.#trigger(text, stage));
    if (triggers.length > 0) state = { ...state, config: { ...state.config, OnBuild: null } };
    numbering.total += triggers.length;
    for (const instruction of triggers)
      state = await this.#apply(state, instruction, { stage, numbering, mark: 'ONBUILD ' });
    for (const instruction of stage.instructions) state = await this.#apply(state, instruction, { stage, numbering });
    return state;
  }

  /** Stages whose files or whose whole this one takes. */
  #base(stage: Stage, base: string): Stage | undefined {
    const find = this.#rooms.request.serial ? findStage : findBase;
    return find(this.#dockerfile.stages, base, stage.index);
  }

  #needs(stage: Stage): Stage[] {
    const base = this.#base(stage, this.#expanded(stage, stage.base));
    const sources = stage.instructions.flatMap(sourcesOf).map(name => this.findStage(name, stage));
    return [base, ...sources].filter(each => each !== undefined);
  }

  #expanded(stage: Stage, text: string): string {
    const lookup = (name: string): string | undefined => this.#meta.get(name);
    const word = expandWord(text, { lookup, escapeMark: this.#dockerfile.escapeMark });
    if (word === '') throw stepError(`base name (${text}) should not be blank`, stage.from.line);
    return word;
  }

  #numberingOf(stage: Stage, base: string): Numbering {
    const many = namesStages(this.#dockerfile.stages);
    const own = this.#base(stage, base) || base === 'scratch' ? 0 : 1;
    const total = stage.instructions.filter(isStep).length + own;
    const platform = this.#rooms.request.showsPlatform ? `${formatPlatform(this.#platform)} ` : '';
    return { prefix: `${platform}${many ? `${stage.name || `stage-${stage.index}`} ` : ''}`, total, at: 0 };
  }

  /** What comes to an image from now on is as old as somebody says. */
  #datedBy(epoch: Date | undefined, state: StageState): StageState {
    return epoch ? { ...state, created: epoch.toISOString() } : state;
  }

  /** What FROM gives: another stage, an image, or nothing. */
  async #begin(stage: Stage, base: string, numbering: Numbering): Promise<StageState> {
    const platform = stage.platform
      ? this.#rooms.sources.platformOf(this.#expanded(stage, stage.platform))
      : this.#platform;
    const empty = { ...freshStage, author: undefined, history: [], platform };
    const earlier = this.#base(stage, base);
    if (earlier) return continued(await this.stage(earlier));
    if (base === 'scratch')
      return { ...empty, root: undefined, config: configOfScratch, created: new Date(0).toISOString() };
    const { image, shown, named } = await this.#baseImage(base, platform);
    const number = shownNumber(numbering.prefix, numbering.at + 1, numbering.total);
    if (!named) numbering.at++;
    if (!this.#shownBases.has(image.id)) {
      this.#shownBases.add(image.id);
      const name = named ? `[context ${base}] ${named}` : `${number}FROM ${shown}`;
      const step = this.#rooms.watcher.step({ name, text: stage.from.text, line: stage.from.line });
      step.done({ cached: true, imageId: image.id });
    }
    return stateOf(image, platform);
  }

  async #baseImage(base: string, platform: Platform): Promise<{ image: Image; shown: string; named?: string }> {
    const { sources } = this.#rooms;
    const named = await sources.named(base);
    if (named !== undefined && typeof named !== 'string') {
      throw invalidArgument(`the build context ${base} is a directory, and FROM needs an image`);
    }
    if (named === undefined && !this.#rooms.request.serial) checkBase(base);
    const name = named ?? base;
    const image = await sources.image(name, platform, named === undefined ? undefined : base);
    return { image, shown: shownName(name), ...(named === undefined ? {} : { named }) };
  }

  #trigger(text: string, stage: Stage): Instruction {
    const { line } = stage.from;
    return { ...parseInstruction(text, this.#dockerfile.escapeMark), line, endLine: line, heredocs: [] };
  }

  async #apply(
    state: StageState,
    instruction: Instruction,
    { stage, numbering, mark = '' }: { stage: Stage; numbering: Numbering; mark?: string },
  ): Promise<StageState> {
    const { escapeMark } = this.#dockerfile;
    const { dry, request } = this.#rooms;
    this.#tellInstruction(instruction.text);
    const expansion = this.#expansion(state, instruction);
    const step = fileSteps[instruction.keyword];
    try {
      if (step && dry) return surveyStep(state, instruction, expansion);
      if (step) {
        const number = shownNumber(numbering.prefix, ++numbering.at, numbering.total);
        const name = `${number}${mark}${shownText(instruction, state, escapeMark)}`;
        const { next, cached } = await step(state, instruction, this.#context(stage, name, expansion));
        this.#tellDone(next, cached);
        return next;
      }
      const next =
        instruction.keyword === 'ARG'
          ? declareArgs(state, instruction, request.args, this.#meta, expansion)
          : (applyMetadata(state, instruction, expansion) ?? state);
      this.#tellDone(next, false);
      return next;
    } catch (error) {
      throw located(error, instruction);
    }
  }

  #expansion(state: StageState, instruction: Instruction): Expansion {
    const unset = (name: string): void => {
      if (!state.declared.includes(name)) this.#rooms.linter.undefinedVariable(name, namesIn(state), instruction);
    };
    return { lookup: lookupIn(state), escapeMark: this.#dockerfile.escapeMark, unset };
  }

  #context(stage: Stage, name: string, expansion: Expansion): StepContext {
    const { request } = this.#rooms;
    return {
      ...this.#rooms,
      escapeMark: this.#dockerfile.escapeMark,
      expansion,
      name,
      fresh: request.noCache || request.noCacheFilter.includes(stage.name || String(stage.index)),
      rootOf: async from => {
        const earlier = this.findStage(from, stage);
        if (earlier) return (await this.stage(earlier)).root;
        return (await this.#baseImage(from, this.#platform)).image;
      },
    };
  }

  #tellMetaArgs(): void {
    for (const { text } of this.#dockerfile.metaArgs) this.#tellInstruction(text);
  }

  #tellInstruction(text: string): void {
    const { stages, metaArgs } = this.#dockerfile;
    const shown = stages.slice(0, this.#target.index + 1);
    const total = shown.reduce((sum, { instructions }) => sum + instructions.length + 1, metaArgs.length);
    this.#rooms.watcher.instruction?.(text, total);
  }

  #tellDone(state: StageState, cached: boolean): void {
    const { watcher, options, request } = this.#rooms;
    if (!watcher.instructionDone) return;
    watcher.instructionDone(
      options.images.idOf({ layersOf: state.root, config: imageWords(state, request.labels) }),
      cached,
    );
  }
}

/** As BuildKit begins an image of nothing. */
const configOfScratch: ImageRunConfig = { Env: [usualPath], WorkingDir: '/' };

function stateOf(image: Image, platform: Platform): StageState {
  const { config, author, history } = image.config;
  const { architecture, os, variant } = image.config;
  return {
    root: image,
    config: (config ?? {}) as ImageRunConfig,
    author: author || undefined,
    ...freshStage,
    history: history ?? [],
    platform: { ...platform, architecture, os, ...(variant ? { variant } : {}) },
    created: image.config.created ?? new Date(0).toISOString(),
  };
}

/** Where an error belongs in the file, for clients that show it. */
const places = new WeakMap<Error, Instruction>();

export const placeOf = (error: unknown): Instruction | undefined =>
  error instanceof Error ? places.get(error) : undefined;

function located(error: unknown, instruction: Instruction): unknown {
  if (error instanceof Error && !places.has(error)) places.set(error, instruction);
  return error;
}

/** @throws invalid-argument in BuildKit's words */
function checkBase(base: string): void {
  try {
    parseReference(base);
  } catch (cause) {
    throw invalidArgument(`failed to parse stage name ${JSON.stringify(base)}: ${messageOf(cause)}`, { cause });
  }
}
