import { hostname } from 'node:os';
import { invalidArgument } from '../../contracts/errors.ts';

/** What a log driver may tell of a container. */
export interface LogSubject {
  id: string;
  /** Without a slash. */
  name: string;
  imageId: string;
  imageName: string;
  /** Entry point and arguments. */
  command: readonly string[];
  /** RFC 3339. */
  createdAt: string;
}

/** Fields and methods of moby's logger.Info. */
const fields: Record<string, (subject: LogSubject) => unknown> = {
  ID: ({ id }) => id.slice(0, 12),
  FullID: ({ id }) => id,
  Name: ({ name }) => name,
  ImageID: ({ imageId }) => imageId.slice(0, 12),
  ImageFullID: ({ imageId }) => imageId,
  ImageName: ({ imageName }) => imageName,
  Command: ({ command }) => command.join(' '),
  Hostname: () => hostname(),
  DaemonName: () => 'docker',
  ContainerID: ({ id }) => id,
  ContainerName: ({ name }) => `/${name}`,
  ContainerEntrypoint: ({ command }) => command[0] ?? '',
  ContainerArgs: ({ command }) => command.slice(1),
  ContainerImageID: ({ imageId }) => imageId,
  ContainerImageName: ({ imageName }) => imageName,
  ContainerCreated: ({ createdAt }) => createdAt,
};

const functions: Record<string, (...values: unknown[]) => unknown> = {
  json: value => JSON.stringify(value),
  lower: value => String(value).toLowerCase(),
  upper: value => String(value).toUpperCase(),
  title: value => String(value).replace(/\b\w/g, letter => letter.toUpperCase()),
  truncate: (value, length) => String(value).slice(0, Number(length)),
  pad: (value, before, after) => `${' '.repeat(Number(before))}${value}${' '.repeat(Number(after))}`,
  join: (values, between) => (values as unknown[]).join(String(between)),
  split: (value, between) => String(value).split(String(between)),
  index: (values, at) => (values as unknown[])[Number(at)],
  len: value => (value as string | unknown[]).length,
  print: (...values) => values.map(shown).join(''),
};

const shown = (value: unknown): string => (Array.isArray(value) ? `[${value.join(' ')}]` : String(value));

const refuse = (text: string): Error => invalidArgument(`template: log-tag:${text}`);

/** `{{.Name}}/{{lower .ImageName}}`: a Go template over a container. @throws invalid-argument in Go's words */
export function renderTag(template: string, subject: LogSubject): string {
  let result = '';
  for (let at = 0; ; ) {
    const start = template.indexOf('{{', at);
    if (start === -1) return result + template.slice(at);
    const end = template.indexOf('}}', start);
    if (end === -1) throw refuse('1: unclosed action');
    const value = evaluate(template.slice(start + 2, end), start + 2, subject);
    result += template.slice(at, start) + shown(value);
    at = end + 2;
  }
}

const word = /\s*(?:(\.\w*)|("(?:[^"\\]|\\.)*")|`([^`]*)`|(-?\d+)|(\w+)|(\|))/y;

/** A pipeline: each command's value is the next one's last argument. */
function evaluate(action: string, column: number, subject: LogSubject): unknown {
  let piped: unknown[] = [];
  let values: unknown[] = [];
  let call: ((...values: unknown[]) => unknown) | undefined;
  const finish = (): unknown => {
    const given = [...values, ...piped];
    return call ? call(...given) : given[0];
  };
  word.lastIndex = 0;
  for (let rest = action.trimEnd().length; word.lastIndex < rest; ) {
    const at = word.lastIndex;
    const found = word.exec(action);
    if (!found) throw refuse(`1: unexpected ${JSON.stringify(action.slice(at).trim()[0])} in command`);
    const [whole, field, quoted, raw, digits, name] = found;
    if (field) values.push(fieldOf(field, column + at + whole.indexOf('.'), subject));
    else if (quoted) values.push(JSON.parse(quoted));
    else if (raw !== undefined) values.push(raw);
    else if (digits) values.push(Number(digits));
    else if (name) call = functionOf(name);
    else {
      piped = [finish()];
      [values, call] = [[], undefined];
    }
    rest = action.trimEnd().length;
  }
  return finish();
}

function fieldOf(field: string, column: number, subject: LogSubject): unknown {
  const name = field.slice(1);
  if (!Object.hasOwn(fields, name)) {
    throw refuse(`1:${column}: executing "log-tag" at <${field}>: can't evaluate field ${name} in type *logger.Info`);
  }
  return fields[name]?.(subject);
}

function functionOf(name: string): (...values: unknown[]) => unknown {
  const known = Object.hasOwn(functions, name) ? functions[name] : undefined;
  if (!known) throw refuse(`1: function "${name}" not defined`);
  return known;
}
