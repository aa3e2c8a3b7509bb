import { posix } from 'node:path';
import { goDurationMs } from '../../base/go-duration.ts';
import { own } from '../../base/own.ts';
import type { ContainerConfig, HealthConfig } from '../../contracts/docker/containers.ts';
import { invalidArgument } from '../../contracts/errors.ts';
import { withVariables } from './config.ts';
import { parseSignal } from './signals.ts';

type Change = (config: ContainerConfig, rest: string) => Partial<ContainerConfig>;

const defaultShell = ['/bin/sh', '-c'];

/** `docker commit --change`, `docker import --change`: what each instruction of a Dockerfile makes of a config. */
const changes: Readonly<Record<string, Change>> = {
  CMD: (config, rest) => ({ Cmd: commandOf(rest, config) }),
  ENTRYPOINT: (config, rest) => ({ Entrypoint: commandOf(rest, config) }),
  ENV: (config, rest) => ({
    Env: withVariables(
      config.Env ?? [],
      pairsOf(rest).map(([name, value]) => `${name}=${value}`),
    ),
  }),
  LABEL: (config, rest) => ({ Labels: { ...config.Labels, ...Object.fromEntries(pairsOf(rest)) } }),
  EXPOSE: (config, rest) => ({ ExposedPorts: { ...config.ExposedPorts, ...setOf(rest.split(/\s+/).map(portOf)) } }),
  USER: (_config, rest) => ({ User: rest }),
  WORKDIR: (config, rest) => ({ WorkingDir: posix.resolve(config.WorkingDir || '/', rest) }),
  VOLUME: (config, rest) => ({ Volumes: { ...config.Volumes, ...setOf(listOf(rest) ?? wordsOf(rest)) } }),
  STOPSIGNAL: (_config, rest) => {
    parseSignal(rest);
    return { StopSignal: rest };
  },
  ONBUILD: (config, rest) => ({ OnBuild: [...(config.OnBuild ?? []), rest] }),
  HEALTHCHECK: (_config, rest) => ({ Healthcheck: healthOf(rest) }),
};
/** These say nothing when they say nothing, and that is allowed. */
const mayBeEmpty = ['CMD', 'ENTRYPOINT'];

/** @throws invalid-argument in Docker's words */
export function changedConfig(config: ContainerConfig, instructions: readonly string[]): ContainerConfig {
  let changed = config;
  for (const instruction of instructions) {
    const [, name = '', rest = ''] = /^(\S*)\s*([\s\S]*)$/.exec(instruction.trim()) ?? [];
    const change = changes[name.toUpperCase()];
    if (!change) throw invalidArgument(`${name} is not a valid change command`);
    if (rest === '' && !mayBeEmpty.includes(name.toUpperCase())) {
      throw invalidArgument(`${name.toUpperCase()} requires at least one argument`);
    }
    changed = { ...changed, ...change(changed, rest) };
  }
  return changed;
}

const setOf = (names: readonly string[]): Record<string, Record<string, never>> =>
  Object.fromEntries(names.map(name => [name, {}]));

/** `["a", "b"]`; undefined for anything else. */
function listOf(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every(word => typeof word === 'string') ? list : undefined;
  } catch {
    return undefined;
  }
}

const commandOf = (text: string, { Shell }: ContainerConfig): string[] =>
  text === '' ? [] : (listOf(text) ?? [...(Shell?.length ? Shell : defaultShell), text]);

/** Words as a shell would cut them: quotes keep blanks, a backslash the next character. */
function wordsOf(text: string): string[] {
  const words = text.match(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+/gs) ?? [];
  return words.map(word =>
    word.replace(/"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/gs, (_whole, double, single, escaped) =>
      double === undefined ? (single ?? escaped) : double.replace(/\\(.)/gs, '$1'),
    ),
  );
}

/** `a=1 b="2 3"`, or in the old way `a 1`. */
function pairsOf(text: string): [string, string][] {
  const words = wordsOf(text);
  if (words[0]?.includes('=')) {
    return words.map(word => {
      const at = word.indexOf('=');
      if (at === -1) throw invalidArgument(`Syntax error - can't find = in "${word}". Must be of the form: name=value`);
      return [word.slice(0, at), word.slice(at + 1)];
    });
  }
  const [, name = '', value] = /^(\S+)\s+(.*)$/s.exec(text) ?? [];
  if (value === undefined) throw invalidArgument(`ENV must have two arguments`);
  return [[name, value]];
}

function portOf(text: string): string {
  const [port = '', protocol = 'tcp'] = text.split('/');
  if (!/^\d+(-\d+)?$/.test(port)) throw invalidArgument(`Invalid containerPort: ${port}`);
  return `${port}/${protocol}`;
}

/** In nanoseconds. */
function durationOf(text: string): number {
  const duration = goDurationMs(text);
  if (duration === undefined) throw invalidArgument(`time: invalid duration ${JSON.stringify(text)}`);
  return Math.round(duration * 1e6);
}

const healthFlags: Readonly<Record<string, keyof HealthConfig>> = {
  interval: 'Interval',
  timeout: 'Timeout',
  'start-period': 'StartPeriod',
  'start-interval': 'StartInterval',
};

function healthOf(text: string): HealthConfig {
  const flags: HealthConfig = {};
  const rest = text.replace(/^(?:--\S+\s+)+/, given => {
    for (const [, name = '', value = ''] of given.matchAll(/--([\w-]+)=(\S+)/g)) {
      const key = own(healthFlags, name);
      if (name === 'retries') flags.Retries = Number(value);
      else if (!key) throw invalidArgument(`unknown flag: --${name}`);
      else Object.assign(flags, { [key]: durationOf(value) });
    }
    return '';
  });
  const [, kind = '', command = ''] = /^(\S+)\s*([\s\S]*)$/.exec(rest) ?? [];
  switch (kind.toUpperCase()) {
    case 'NONE':
      return { Test: ['NONE'] };
    case 'CMD': {
      const list = listOf(command);
      return { Test: list ? ['CMD', ...list] : ['CMD-SHELL', command], ...flags };
    }
    default:
      throw invalidArgument(`Unknown type ${JSON.stringify(kind.toUpperCase())} in HEALTHCHECK (try CMD)`);
  }
}
