import type { HistoryEntry, ImageConfig, ImageRunConfig, Platform } from '../../contracts/oci/image-spec.ts';
import type { Image } from '../images/index.ts';
import type { Lookup } from './dockerfile/expand.ts';

/** What a stage has come to: each instruction makes the next one of it. */
export interface StageState {
  /** The files; nothing from scratch. */
  readonly root: Image | undefined;
  readonly config: ImageRunConfig;
  readonly author: string | undefined;
  /** ARGs of this stage that have a value; an ENV that came later took its name away. */
  readonly args: ReadonlyMap<string, string>;
  /** Names of all ARGs of this stage, in their order. */
  readonly declared: readonly string[];
  /** CMD stands in this stage: ENTRYPOINT leaves it. */
  readonly ownCommand: boolean;

  readonly history: readonly HistoryEntry[];
  readonly platform: Platform;
  /** When the newest of its files' layers was made, RFC 3339: a cached build gives the same image again. */
  readonly created: string;
}

/** `NAME=value` replaced in its place, or added. */
export function withVariable(env: readonly string[], name: string, value: string): string[] {
  const at = env.findIndex(variable => variable.startsWith(`${name}=`));
  return at === -1 ? [...env, `${name}=${value}`] : env.with(at, `${name}=${value}`);
}

/** What `$name` is in this stage: of ENV and ARG the later one. */
export const lookupIn =
  ({ config, args }: Pick<StageState, 'config' | 'args'>): Lookup =>
  name => {
    const variable = (config.Env ?? []).find(each => each.startsWith(`${name}=`));
    return args.get(name) ?? variable?.slice(name.length + 1);
  };

/** Names of all that has a value here; of two that are as near to what somebody meant BuildKit suggests an ARG. */
export const namesIn = ({ config, args }: StageState): string[] => [
  ...args.keys(),
  ...(config.Env ?? []).map(variable => variable.split('=', 1)[0] ?? ''),
];

/** A stage's beginning: what nothing has been said of yet. */
export const freshStage = { args: new Map<string, string>(), declared: [], ownCommand: false } as const;

/** A stage on another one knows its ARGs, too, but for those that its image has a value for. */
export function continued(state: StageState): StageState {
  const ofImage = new Set((state.config.Env ?? []).map(variable => variable.split('=', 1)[0]));
  return { ...state, args: new Map([...state.args].filter(([name]) => !ofImage.has(name))), ownCommand: false };
}

/** With a step of the history that changed no file, or, once `root` is told, one that did. */
export function withStep(state: StageState, createdBy: string, root?: Image): StageState {
  const created = root?.config.created ?? state.created;
  const step = { created, created_by: createdBy, comment: 'buildkit.dockerfile.v0' };
  if (root) return { ...state, root, created, history: [...state.history, step] };
  return { ...state, history: [...state.history, { ...step, empty_layer: true }] };
}

/** What the stage's image says of itself. */
export function imageWords(
  { config, author, history, platform, created }: StageState,
  labels: Readonly<Record<string, string>>,
): Omit<ImageConfig, 'rootfs'> {
  const all = { ...config.Labels, ...labels };
  const { Labels: _, ...rest } = config;
  const held = Object.entries(rest).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const { architecture, os, variant } = platform;
  return {
    architecture,
    os,
    ...(variant ? { variant } : {}),
    created,
    ...(author ? { author } : {}),
    config: { ...Object.fromEntries(held), ...(Object.keys(all).length > 0 ? { Labels: all } : {}) },
    history: [...history],
  };
}
