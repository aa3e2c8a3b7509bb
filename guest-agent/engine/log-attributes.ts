import { goPattern } from '../../base/go-pattern.ts';
import type { ContainerConfig } from '../../contracts/docker/containers.ts';

type Options = Readonly<Record<string, string>>;
/** Whether the label, or the variable, of a name is wanted. */
type Choice = (name: string) => boolean;

/** Which labels and variables a log wants in each of its lines. */
export interface LogChoices {
  labels: Choice;
  variables: Choice;
}

/** What `--log-opt labels=…,env=…` choose, at once unless one of their `-regex` kin does. @throws invalid-argument in Go's words */
export function logChoices(options: Options): LogChoices | Promise<LogChoices> {
  const listed = { labels: among(options.labels), variables: among(options.env) };
  const { 'labels-regex': labels = '', 'env-regex': variables = '' } = options;
  if (labels === '' && variables === '') return listed;
  return Promise.all([labels, variables].map(source => (source === '' ? undefined : goPattern(source)))).then(
    ([label, variable]) => ({
      labels: name => listed.labels(name) || label?.(name) === true,
      variables: name => listed.variables(name) || variable?.(name) === true,
    }),
  );
}

function among(list = ''): Choice {
  const names = new Set(list.split(',').filter(Boolean));
  return name => names.has(name);
}

/** The labels and variables of a container that are chosen. */
export function logAttributes(config: ContainerConfig, { labels, variables }: LogChoices): Record<string, string> {
  const pairs = (config.Env ?? []).map(variable => {
    const [key = ''] = variable.split('=', 1);
    return [key, variable.slice(key.length + 1)] as const;
  });
  return Object.fromEntries([
    ...Object.entries(config.Labels ?? {}).filter(([name]) => labels(name)),
    ...pairs.filter(([name]) => variables(name)),
  ]);
}
