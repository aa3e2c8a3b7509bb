import { own } from '../../base/own.ts';
import { invalidArgument } from '../../contracts/errors.ts';
import type { Platform } from '../../contracts/oci/image-spec.ts';
import { argumentsOf } from './dockerfile/arguments.ts';
import { type Expansion, expandWord, type Lookup } from './dockerfile/expand.ts';
import type { Instruction } from './dockerfile/lines.ts';
import type { StageState } from './state.ts';
import { lookupIn, withStep } from './state.ts';

/** Variables that RUN has without an ARG, and that no result depends on. */
const proxyNames = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap(name => [
  name,
  name.toLowerCase(),
]);

export const proxiesOf = (given: Readonly<Record<string, string>>): string[] =>
  proxyNames.flatMap(name => (given[name] === undefined ? [] : [`${name}=${given[name]}`]));

/** `SOURCE_DATE_EPOCH`, in seconds. @throws invalid-argument */
export function epochOf({ SOURCE_DATE_EPOCH: text }: Readonly<Record<string, string>>): Date | undefined {
  if (!text) return undefined;
  if (!/^\d{1,12}$/.test(text)) throw invalidArgument(`invalid SOURCE_DATE_EPOCH: ${text}`);
  return new Date(Number(text) * 1000);
}

const textOf = ({ os, architecture, variant }: Platform): string =>
  [os, architecture, variant].filter(Boolean).join('/');

/** What may be named in FROM, and by ARG in a stage. */
export function platformArgs(build: Platform, target: Platform): Record<string, string> {
  const parts = (prefix: string, platform: Platform): Record<string, string> => ({
    [`${prefix}PLATFORM`]: textOf(platform),
    [`${prefix}OS`]: platform.os,
    [`${prefix}ARCH`]: platform.architecture,
    [`${prefix}VARIANT`]: platform.variant ?? '',
  });
  return { ...parts('BUILD', build), ...parts('TARGET', target) };
}

/** ARGs before the first stage: what the client gives wins over defaults, which may name earlier ones. */
export function metaArgsOf(
  instructions: readonly Instruction[],
  given: Readonly<Record<string, string>>,
  predefined: Readonly<Record<string, string>>,
  escapeMark: string,
): Map<string, string> {
  const values = new Map(Object.entries(predefined));
  const lookup: Lookup = name => values.get(name);
  for (const instruction of instructions) {
    for (const [name, fallback] of argumentsOf(instruction, escapeMark)) {
      const value =
        own(given, name) ?? (fallback === undefined ? undefined : expandWord(fallback, { lookup, escapeMark }));
      if (value !== undefined) values.set(name, value);
    }
  }
  return values;
}

/** ARG in a stage: the client's value, its default, or what stands before the first stage. */
export function declareArgs(
  state: StageState,
  instruction: Instruction,
  given: Readonly<Record<string, string>>,
  meta: ReadonlyMap<string, string>,
  { escapeMark, unset }: Omit<Expansion, 'lookup'>,
): StageState {
  const args = new Map(state.args);
  const declared = new Set(state.declared);
  const said: string[] = [];
  for (const [name, fallback] of argumentsOf(instruction, escapeMark)) {
    const lookup = lookupIn({ ...state, args });
    const usual =
      fallback === undefined
        ? meta.get(name)
        : expandWord(fallback, { lookup, escapeMark, unset: each => (declared.has(each) ? undefined : unset?.(each)) });
    const value = own(given, name) ?? usual;
    if (value !== undefined) args.set(name, value);
    declared.add(name);
    said.push(value === undefined ? name : `${name}=${value}`);
  }
  return withStep({ ...state, args, declared: [...declared] }, `ARG ${said.join(' ')}`);
}
