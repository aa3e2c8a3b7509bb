import { constants } from 'node:os';
import { posix } from 'node:path';
import { goDurationMs } from '../../base/go-duration.ts';
import { invalidArgument } from '../../contracts/errors.ts';
import type { HealthConfig, ImageRunConfig } from '../../contracts/oci/image-spec.ts';
import { flagValue, jsonList, pairsOf, wordsOf } from './dockerfile/arguments.ts';
import { type Expansion, expandWord, expandWords } from './dockerfile/expand.ts';
import { dockerfileError } from './dockerfile/failure.ts';
import type { Instruction } from './dockerfile/lines.ts';
import { type StageState, withStep, withVariable } from './state.ts';

const defaultShell = ['/bin/sh', '-c'];

export const shellOf = ({ config }: StageState): string[] => (config.Shell?.length ? config.Shell : defaultShell);

/** A command as a list of words: a JSON list as it is, other text for the shell. */
export function commandOf(state: StageState, rest: string): { args: string[]; byShell: boolean } {
  const list = jsonList(rest);
  return list ? { args: list, byShell: false } : { args: [...shellOf(state), rest], byShell: true };
}

const quotedList = (args: readonly string[]): string => `[${args.map(word => JSON.stringify(word)).join(' ')}]`;

type Change = (state: StageState, instruction: Instruction, expansion: Expansion) => StageState;

const configured = (state: StageState, change: Partial<ImageRunConfig>, said: string): StageState =>
  withStep({ ...state, config: { ...state.config, ...change } }, said);

/** What each instruction that touches no file makes of a stage. */
const changes: Readonly<Record<string, Change>> = {
  ENV: (state, instruction, expansion) => {
    const pairs = expandedPairs(instruction, expansion);
    const env = pairs.reduce((all, [name, value]) => withVariable(all, name, value), state.config.Env ?? []);
    const args = new Map([...state.args].filter(([name]) => !pairs.some(([each]) => each === name)));
    return configured({ ...state, args }, { Env: env }, `ENV ${pairs.map(pair => pair.join('=')).join(' ')}`);
  },
  LABEL: (state, instruction, expansion) => {
    const pairs = expandedPairs(instruction, expansion);
    const labels = { ...state.config.Labels, ...Object.fromEntries(pairs) };
    return configured(state, { Labels: labels }, `LABEL ${pairs.map(pair => pair.join('=')).join(' ')}`);
  },
  EXPOSE: (state, { rest }, expansion) => {
    const ports = expandWords(rest, expansion).flatMap(portsOf).sort();
    const all = { ...state.config.ExposedPorts, ...setOf(ports) };
    return configured(state, { ExposedPorts: all }, `EXPOSE [${ports.join(' ')}]`);
  },
  VOLUME: (state, instruction, expansion) => {
    const paths = wordsOf(instruction, expansion.escapeMark).map(word => expandWord(word, expansion));
    if (paths.includes('')) throw dockerfileError('VOLUME specified can not be an empty string', instruction.line);
    return configured(state, { Volumes: { ...state.config.Volumes, ...setOf(paths) } }, `VOLUME [${paths.join(' ')}]`);
  },
  USER: (state, { rest }, expansion) => {
    const user = expandWord(rest, expansion);
    return configured(state, { User: user }, `USER ${user}`);
  },
  CMD: (state, { rest }) => {
    const { args } = commandOf(state, rest);
    return configured({ ...state, ownCommand: true }, { Cmd: args, ArgsEscaped: true }, `CMD ${quotedList(args)}`);
  },
  ENTRYPOINT: (state, { rest }) => {
    const { args } = commandOf(state, rest);
    return configured(
      state,
      { Entrypoint: args, ...(state.ownCommand ? {} : { Cmd: null }) },
      `ENTRYPOINT ${quotedList(args)}`,
    );
  },
  SHELL: (state, { rest, line }) => {
    const list = jsonList(rest);
    if (!list?.length) throw dockerfileError(`SHELL requires the arguments to be in JSON form`, line);
    return configured(state, { Shell: list }, `SHELL [${list.join(' ')}]`);
  },
  STOPSIGNAL: (state, { rest }, expansion) => {
    const signal = expandWord(rest, expansion);
    if (!isSignal(signal)) throw invalidArgument(`invalid signal: ${signal}`);
    return configured(state, { StopSignal: signal }, `STOPSIGNAL ${signal}`);
  },
  MAINTAINER: (state, { rest }) => withStep({ ...state, author: rest }, `MAINTAINER ${rest}`),
  ONBUILD: (state, { rest }) => ({
    ...state,
    config: { ...state.config, OnBuild: [...(state.config.OnBuild ?? []), rest] },
  }),
  HEALTHCHECK: (state, instruction) => {
    const health = healthOf(instruction, state);
    return configured(state, { Healthcheck: health }, `HEALTHCHECK ${historyOfHealth(health)}`);
  },
};

/** Undefined for an instruction that works on files. */
export function applyMetadata(
  state: StageState,
  instruction: Instruction,
  expansion: Expansion,
): StageState | undefined {
  const change = changes[instruction.keyword];
  return change?.(state, instruction, expansion);
}

const expandedPairs = (instruction: Instruction, expansion: Expansion): [string, string][] =>
  pairsOf(instruction, expansion.escapeMark).map(([name, value]) => [
    expandWord(name, expansion),
    expandWord(value, expansion),
  ]);

const isSignal = (text: string): boolean =>
  /^\d+$/.test(text)
    ? Number(text) > 0
    : /^(SIG)?(RTMIN(\+\d+)?|RTMAX(-\d+)?)$/i.test(text) ||
      `SIG${text.toUpperCase().replace(/^SIG/, '')}` in constants.signals;

const setOf = (names: readonly string[]): Record<string, object> => Object.fromEntries(names.map(name => [name, {}]));

/** `80`, `80/udp`, `8000-8002`; an address and a port of the host before it count for nothing. @throws invalid-argument */
function portsOf(text: string): string[] {
  const [mapping = '', protocol = 'tcp'] = text.split('/');
  const range = mapping.split(':').at(-1) ?? '';
  const [first = '', last = first] = range.split('-');
  if (!/^\d+$/.test(first) || !/^\d+$/.test(last)) throw invalidArgument(`invalid containerPort: ${range}`);
  const count = Number(last) - Number(first) + 1;
  if (count < 1 || Number(last) > 65_535) throw invalidArgument(`invalid containerPort: ${range}`);
  return Array.from({ length: count }, (_, index) => `${Number(first) + index}/${protocol.toLowerCase()}`);
}

function durationOf(text: string | undefined, name: string, line: number): number | undefined {
  if (text === undefined) return undefined;
  const total = Math.round((goDurationMs(text) ?? Number.NaN) * 1e6);
  if (Number.isNaN(total)) {
    const what = /^\d+(\.\d+)?$/.test(text) ? 'missing unit in' : 'invalid';
    throw dockerfileError(`time: ${what} duration ${JSON.stringify(text)}`, line);
  }
  if (total > 0 && total < 1e6) throw dockerfileError(`Interval "${name}" cannot be less than 1ms`, line);
  return total || undefined;
}

function healthOf(instruction: Instruction, state: StageState): HealthConfig {
  const { rest, line } = instruction;
  const [, kind = '', command = ''] = /^(\S+)\s*([\s\S]*)$/.exec(rest) ?? [];
  if (kind.toUpperCase() === 'NONE') return { Test: ['NONE'] };
  if (kind.toUpperCase() !== 'CMD') {
    throw dockerfileError(`Unknown type ${JSON.stringify(kind.toUpperCase())} in HEALTHCHECK (try CMD)`, line);
  }
  if (command === '') throw dockerfileError('Missing command after HEALTHCHECK CMD', line);
  const { args, byShell } = commandOf(state, command);
  const duration = (name: string): number | undefined => durationOf(flagValue(instruction, name), name, line);
  const retries = Number(flagValue(instruction, 'retries') ?? 0);
  if (retries < 0) throw dockerfileError(`--retries cannot be negative (${retries})`, line);
  return {
    Test: byShell ? ['CMD-SHELL', command] : ['CMD', ...args],
    ...defined({ Interval: duration('interval'), Timeout: duration('timeout') }),
    ...defined({ StartPeriod: duration('start-period'), StartInterval: duration('start-interval') }),
    ...(retries ? { Retries: retries } : {}),
  };
}

const defined = (fields: Record<string, number | undefined>): Record<string, number> =>
  Object.fromEntries(Object.entries(fields).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));

/** As Go prints the structure. */
function historyOfHealth({
  Test = [],
  Interval,
  Timeout,
  StartPeriod,
  StartInterval,
  Retries = 0,
}: HealthConfig): string {
  const times = [Interval, Timeout, StartPeriod, StartInterval].map(time => JSON.stringify(goDuration(time ?? 0)));
  const retries = `'\\x${Retries.toString(16).padStart(2, '0')}'`;
  return `&{${quotedList(Test)} ${times.join(' ')} ${retries}}`;
}

function goDuration(ns: number): string {
  const seconds = ns / 1e9;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  const rest = `${seconds % 60}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}

/** Where WORKDIR leads from here; an absolute path stays as it is typed. */
export const workdirOf = ({ config }: StageState, path: string): string =>
  path.startsWith('/') ? path : posix.resolve('/', config.WorkingDir || '/', path);
