import type { ContainerCreateBody } from '../../contracts/docker/containers.ts';

/** What the run dialog asks, as it is typed. */
export interface RunForm {
  image: string;
  name: string;
  command: string;
  /** One `8080:80` a line. */
  ports: string;
  /** One `NAME=value` a line. */
  env: string;
  /** One `/host/path:/container/path` or `volume:/path` a line, with `:ro` where it may not be written. */
  mounts: string;
  network: string;
  restart: '' | 'always' | 'unless-stopped' | 'on-failure';
  /** MiB; empty is no limit. */
  memory: string;
  cpus: string;
  autoRemove: boolean;
  terminal: boolean;
}

export const emptyRunForm: RunForm = {
  ...{
    image: '',
    name: '',
    command: '',
    ports: '',
    env: '',
    mounts: '',
    network: '',
    restart: '',
    memory: '',
    cpus: '',
  },
  ...{ autoRemove: false, terminal: false },
};

export type RunField = keyof RunForm;
/** What is wrong, by field: a key of the texts. */
export type RunProblems = Partial<Record<RunField, RunProblem>>;
export type RunProblem =
  | 'required'
  | 'badName'
  | 'badPort'
  | 'badEnv'
  | 'badMount'
  | 'badNumber'
  | 'badQuote'
  | 'restartRemoves';

const lines = (text: string): string[] =>
  text
    .split('\n')
    .map(line => line.trim())
    .filter(Boolean);

const portPattern = /^(?:(?:(\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]):)?(\d{1,5})?:)?(\d{1,5})(?:\/(tcp|udp|sctp))?$/;

/** Checked while it is typed; empty when the container may be created. */
export function problemsOf(form: RunForm): RunProblems {
  const problems: RunProblems = {};
  if (form.image.trim() === '') problems.image = 'required';
  if (form.name !== '' && !/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(form.name)) problems.name = 'badName';
  if (splitWords(form.command) === undefined) problems.command = 'badQuote';
  if (lines(form.ports).some(line => !goodPort(line))) problems.ports = 'badPort';
  if (lines(form.env).some(line => !/^[^=\s]+(=|$)/.test(line))) problems.env = 'badEnv';
  if (lines(form.mounts).some(line => !/^[^:]+:\/[^:]*(:(ro|rw))?$/.test(line))) problems.mounts = 'badMount';
  if (form.memory !== '' && !(Number(form.memory) >= 6)) problems.memory = 'badNumber';
  if (form.cpus !== '' && !(Number(form.cpus) > 0)) problems.cpus = 'badNumber';
  if (form.autoRemove && form.restart !== '') problems.restart = 'restartRemoves';
  return problems;
}

function goodPort(line: string): boolean {
  const found = portPattern.exec(line);
  return found !== null && [found[2], found[3]].every(port => port === undefined || Number(port) <= 65_535);
}

/** Words of a command as a shell would cut them; undefined when a quote is open. */
export function splitWords(text: string): string[] | undefined {
  const words: string[] = [];
  const pattern = /\s*((?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+)/gy;
  let at = 0;
  for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
    at = pattern.lastIndex;
    words.push((found[1] ?? '').replace(/"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/g, unquoted));
  }
  return text.slice(at).trim() === '' ? words : undefined;
}

const unquoted = (_whole: string, double?: string, single?: string, escaped?: string): string =>
  double?.replace(/\\(.)/g, '$1') ?? single ?? escaped ?? '';

/** The request of a form without problems. */
export function createBody(form: RunForm): ContainerCreateBody {
  const command = splitWords(form.command) ?? [];
  const ports = lines(form.ports).map(portBinding);
  return {
    Image: form.image.trim(),
    Tty: form.terminal,
    OpenStdin: form.terminal,
    Env: lines(form.env),
    ...(command.length > 0 && { Cmd: command }),
    ExposedPorts: Object.fromEntries(ports.map(({ port }) => [port, {}])),
    HostConfig: {
      PortBindings: Object.fromEntries(
        [...Map.groupBy(ports, ({ port }) => port)].map(([port, all]) => [port, all.map(({ binding }) => binding)]),
      ),
      Binds: lines(form.mounts),
      NetworkMode: form.network || 'default',
      RestartPolicy: { Name: form.restart || 'no', MaximumRetryCount: 0 },
      AutoRemove: form.autoRemove,
      ...(form.memory !== '' && { Memory: Math.round(Number(form.memory) * 1024 ** 2) }),
      ...(form.cpus !== '' && { NanoCpus: Math.round(Number(form.cpus) * 1e9) }),
    },
  };
}

function portBinding(line: string): { port: string; binding: { HostIp: string; HostPort: string } } {
  const [, ip = '', host = '', inside = '', protocol = 'tcp'] = portPattern.exec(line) ?? [];
  return { port: `${inside}/${protocol}`, binding: { HostIp: ip.replace(/[[\]]/g, ''), HostPort: host } };
}
