import type { ContainerConfig } from '../../contracts/docker/containers.ts';
import { invalidArgument, messageOf } from '../../contracts/errors.ts';

const names = (option: string | undefined): string[] => (option ?? '').split(',').filter(Boolean);

/** The labels and variables that `--log-opt labels=…,env=…` (or their `-regex` kin) want in each line of the log. */
export function logAttributes(
  config: ContainerConfig,
  options: Readonly<Record<string, string>>,
): Record<string, string> {
  const variables = (config.Env ?? []).map(variable => {
    const [key = ''] = variable.split('=', 1);
    return [key, variable.slice(key.length + 1)] as const;
  });
  return Object.fromEntries([
    ...chosen(Object.entries(config.Labels ?? {}), options.labels, options['labels-regex']),
    ...chosen(variables, options.env, options['env-regex']),
  ]);
}

function chosen(
  pairs: readonly (readonly [string, string])[],
  list: string | undefined,
  pattern: string | undefined,
): (readonly [string, string])[] {
  const wanted = new Set(names(list));
  const regex = pattern ? regexOf(pattern) : undefined;
  return pairs.filter(([key]) => wanted.has(key) || regex?.test(key));
}

/** @throws invalid-argument, where it can in Go's words */
function regexOf(pattern: string): RegExp {
  try {
    return new RegExp(pattern);
  } catch (error) {
    const [, reason = ''] = /: ([^:]*)$/.exec(messageOf(error)) ?? [];
    const inGo: Record<string, string> = {
      'Unterminated character class': 'missing closing ]',
      'Unterminated group': 'missing closing )',
      'Nothing to repeat': 'missing argument to repetition operator',
    };
    throw invalidArgument(`error parsing regexp: ${inGo[reason] ?? reason}: \`${pattern}\``, { cause: error });
  }
}
