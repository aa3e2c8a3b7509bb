import { posix } from 'node:path';
import { forbidden } from '../../contracts/errors.ts';
import type { Image } from '../images/index.ts';
import { proxiesOf } from './args.ts';
import type { BuildSources } from './build-sources.ts';
import { cacheKey, type StepCache } from './cache.ts';
import type { CacheMounts } from './cache-mounts.ts';
import type { BuilderOptions, BuildRequest, BuildWatcher, StepExchange, StepWatcher } from './contract.ts';
import { copySources, filesFrom, treeOf } from './copy-sources.ts';
import { copyStep, workdirStep } from './copy-step.ts';
import { booleanFlag, flagValue, flagValues, jsonList, wordsOf } from './dockerfile/arguments.ts';
import { type Expansion, expandWord } from './dockerfile/expand.ts';
import { heredocOf } from './dockerfile/heredoc.ts';
import type { Instruction } from './dockerfile/lines.ts';
import { readModeChange } from './file-mode.ts';
import { shellOf, workdirOf } from './metadata.ts';
import { parseMount, type RunMount, scriptMount } from './run-mounts.ts';
import { runStep } from './run-step.ts';
import { fingerprint, selectFiles } from './select-files.ts';
import { lookupIn, type StageState, withStep } from './state.ts';

/** What a step works with besides its stage. */
export interface StepContext {
  options: BuilderOptions;
  cache: StepCache;
  caches: CacheMounts;
  sources: BuildSources;
  request: BuildRequest;
  watcher: BuildWatcher;
  exchange: StepExchange;
  signal: AbortSignal;
  escapeMark: string;
  /** How words of the instruction are expanded. */
  expansion: Expansion;
  /** `[2/4] RUN …` */
  name: string;
  /** The cache is not asked. */
  fresh: boolean;
  /** Files of a stage or an image. */
  rootOf(from: string): Promise<Image | undefined>;
}

export type Step = (
  state: StageState,
  instruction: Instruction,
  context: StepContext,
) => Promise<{ next: StageState; cached: boolean }>;

/** Tells of the step, and takes its result from the cache if it is there. */
async function cachedStep(
  { instruction, key, createdBy }: { instruction: Instruction; key: unknown; createdBy: string },
  state: StageState,
  context: StepContext,
  make: (watcher: StepWatcher) => Promise<Image>,
): Promise<{ next: StageState; cached: boolean }> {
  const { cache, watcher, name, fresh, exchange } = context;
  const told = watcher.step({ name, text: instruction.text, line: instruction.line });
  try {
    const { epoch } = context.request;
    const whole = cacheKey([state.root?.topChainId ?? '', key, ...(epoch ? [epoch] : [])]);
    const { image, cached } = await cache.step(whole, name.replace(/^\[.*?\] /, ''), {
      make: () => make(told),
      find: key => exchange.find(key),
      fresh,
    });
    exchange.known(whole, image);
    told.done({ cached, imageId: image.id });
    return { next: withStep(state, createdBy, image), cached };
  } catch (error) {
    told.failed(error);
    throw error;
  }
}

/** The command of RUN, here-documents included; one that names its interpreter is a file of its own. */
function commandOf(state: StageState, { rest, heredocs }: Instruction): { args: string[]; scripts: RunMount[] } {
  const list = jsonList(rest);
  if (list) return { args: list, scripts: [] };
  const [only] = heredocs;
  if (only && heredocs.length === 1 && !/\s/.test(rest)) {
    if (!only.content.startsWith('#!')) return { args: [...shellOf(state), only.content], scripts: [] };
    const path = `/dev/pipes/${only.name}`;
    return { args: [...shellOf(state), path], scripts: [scriptMount(path, only.content)] };
  }
  const documents = heredocs.map(({ content, name }) => `\n${content}${name}`).join('');
  return { args: [...shellOf(state), `${rest}${documents}`], scripts: [] };
}

/** What a mount shows, as far as a step's result depends on it: files of the context, or the layers of an image. */
async function seenBy({ type, from, source }: RunMount, context: StepContext): Promise<unknown> {
  if ((type !== 'bind' && type !== 'cache') || (type === 'cache' && from === '')) return '';
  const tree = await treeOf(from, context);
  if (!tree) return (await context.rootOf(from))?.topChainId ?? '';
  return fingerprint(tree, { sources: [source || '/'], exclude: [], parents: false });
}

const run: Step = async (state, instruction, context) => {
  const { request, options, sources, signal } = context;
  const { expansion } = context;
  const { args, scripts } = commandOf(state, instruction);
  const workingDir = state.config.WorkingDir || '/';
  const asked = flagValues(instruction, 'mount').map(text =>
    parseMount(expandWord(text, { ...expansion, unset: () => undefined }), workingDir, instruction.line),
  );
  const mounts = [...asked, ...scripts];
  const shadowed = (variable: string): boolean => state.args.has(variable.split('=', 1)[0] ?? '');
  const env = (state.config.Env ?? []).filter(variable => !shadowed(variable));
  const own = [...state.args].map(pair => pair.join('='));
  const lookup = lookupIn(state);
  const declared = state.declared.map(name => `${name}=${lookup(name) ?? ''}`);
  const network = flagValue(instruction, 'network');
  if ((network ?? request.host.NetworkMode) === 'host' && !request.hostNetwork)
    throw forbidden('failed to load LLB: network.host is not allowed');
  const counted = declared.length > 0 ? `|${declared.length} ${declared.join(' ')} ` : '';
  const createdBy = `RUN ${counted}${args.join(' ')} # buildkit`;
  const user = state.config.User ?? '';
  const seen = await toldOnFailure(instruction, context, () => Promise.all(mounts.map(each => seenBy(each, context))));
  const key = ['RUN', args, [...env, ...own], user, workingDir, mounts, network ?? '', seen];
  return cachedStep({ instruction, key, createdBy }, state, context, watcher =>
    runStep(
      {
        parent: state.root,
        args,
        env: withPath([...env, ...own]),
        passingEnv: proxiesOf(request.args),
        user,
        workingDir,
        mounts,
        network,
        platform: state.platform,
        host: request.host,
        namesHost: request.serial,
        createdBy,
        epoch: request.epoch,
      },
      watcher,
      {
        options,
        signal,
        caches: context.caches,
        sources: {
          files: (from, source) => filesFrom(from, [source], context),
          secret: id => sources.secret(id),
          agent: id => sources.agent(id),
        },
      },
    ),
  );
};

/** Where programs are when nobody says. */
export const usualPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
export const withPath = (env: readonly string[]): readonly string[] =>
  env.some(each => each.startsWith('PATH=')) ? env : [...env, usualPath];

/** History has a here-document by its name alone. */
const saidOf = (word: string): string => {
  const heredoc = heredocOf(word);
  return heredoc ? `<<${heredoc.name}` : word;
};

const copy: Step = async (state, instruction, context) => {
  const { sources: rooms } = context;
  const { expansion } = context;
  const words = wordsOf(instruction, context.escapeMark);
  const expanded = words.map(word => (heredocOf(word) ? word : expandWord(word, expansion)));
  const destination = expanded.at(-1) ?? '';
  const named = expanded.slice(0, -1);
  const from = flagValue(instruction, 'from') ?? '';
  const flag = (name: string): string | undefined => {
    const value = flagValue(instruction, name);
    return value === undefined ? undefined : expandWord(value, expansion);
  };
  const checksum = flag('checksum');
  const [chown, chmod] = [flag('chown'), flag('chmod') || undefined];
  if (chmod) readModeChange(chmod); // what cannot be read is refused before anything is fetched
  const { tree, sources, hasRemote } = await copySources(named, { instruction, from, checksum }, context);
  const exclude = flagValues(instruction, 'exclude').map(value => expandWord(value, expansion));
  const parents = booleanFlag(instruction, 'parents');
  const selection = { sources, exclude, parents };
  const files = await toldOnFailure(instruction, context, () => fingerprint(tree, selection));
  const slash = /(^|\/)\.?$/.test(destination) ? '/' : '';
  const target = `${posix.join(workdirOf(state, destination))}${slash}`.replace(/\/+$/, '/');
  const unpack = instruction.keyword === 'ADD' && (flagValue(instruction, 'unpack') ?? String(!hasRemote)) !== 'false';
  const key = [instruction.keyword, files, target, chown ?? '', chmod ?? '', unpack];
  const dressed = [
    ...(parents ? ['--parents'] : []),
    ...(chown === undefined ? [] : [`--chown=${chown}`]),
    ...(chmod === undefined ? [] : [`--chmod=${chmod}`]),
  ];
  const said = [instruction.keyword, ...dressed, ...named.map(saidOf), destination];
  const createdBy = `${said.join(' ')} # buildkit`;
  return cachedStep({ instruction, key, createdBy }, state, context, () =>
    copyStep(
      {
        parent: state.root,
        tree,
        selected: selectFiles(tree, selection),
        destination: target,
        chown,
        chmod,
        unpack,
        createdBy,
        epoch: context.request.epoch,
        scratch: rooms.scratch,
        signal: context.signal,
      },
      context.options,
    ),
  );
};

/** A step that fails before it begins is a step all the same. */
async function toldOnFailure<T>(
  instruction: Instruction,
  { watcher, name }: StepContext,
  work: () => T | Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    watcher.step({ name, text: instruction.text, line: instruction.line }).failed(error);
    throw error;
  }
}

const workdir: Step = (state, instruction, context) => {
  const path = workdirOf(state, expandWord(instruction.rest, context.expansion));
  const createdBy = `WORKDIR ${path}`;
  const user = state.config.User ?? '';
  const inside = { ...state, config: { ...state.config, WorkingDir: path } };
  const { scratch } = context.sources;
  return cachedStep({ instruction, key: ['WORKDIR', path, user], createdBy }, inside, context, () =>
    workdirStep({ parent: state.root, path, user, createdBy, scratch, epoch: context.request.epoch }, context.options),
  );
};

/** The instructions that make layers. */
export const fileSteps: Readonly<Record<string, Step>> = { RUN: run, COPY: copy, ADD: copy, WORKDIR: workdir };
