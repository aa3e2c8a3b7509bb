import type { HistoryEntry, ImageConfig, ImageRunConfig, Platform } from '../../contracts/oci/image-spec.ts';
import type { Image } from '../images/index.ts';
import type { Lookup } from './dockerfile/expand.ts';

/** What a stage has come to: each instruction makes the next one of it. */
export interface StageState {
  /** The files; nothing from scratch. */
  readonly root: Image | undefined;
  readonly config: ImageRunConfig;
  readonly author: string | undefined;
  /** ARGs of this stage that have a value. */
  readonly args: ReadonlyMap<string, string>;
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

/** What `$name` is in this stage: ENV wins over ARG. */
export const lookupIn =
  ({ config, args }: StageState): Lookup =>
  name => {
    const variable = (config.Env ?? []).find(each => each.startsWith(`${name}=`));
    return variable === undefined ? args.get(name) : variable.slice(name.length + 1);
  };

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
