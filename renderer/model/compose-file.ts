import type { ContainerInspect } from '../../contracts/docker/containers.ts';
import { publishedWords, restartWord } from './docker-run.ts';

type Value = string | number | boolean | readonly string[] | Readonly<Record<string, unknown>>;

/** The compose file of one service that makes a container like this one. */
export function composeFile(
  { Config, HostConfig: host, Name }: ContainerInspect,
  imageEnv: readonly string[] = [],
): string {
  const network = host.NetworkMode ?? 'default';
  const named = !['default', 'bridge', 'host', 'none'].includes(network) && !network.includes(':');
  const volumes = (host.Binds ?? []).flatMap(bind => {
    const source = bind.split(':')[0] ?? '';
    return /^[\w.-]+$/.test(source) ? [source] : [];
  });
  const memory = host.Memory ? `${Math.round(host.Memory / 1024 ** 2)}m` : undefined;
  const service: Record<string, Value | null | undefined | false> = {
    image: Config.Image,
    container_name: Name.slice(1),
    entrypoint: Config.Entrypoint ?? undefined,
    command: Config.Cmd ?? undefined,
    environment: (Config.Env ?? []).filter(each => !imageEnv.includes(each)),
    ports: publishedWords(host.PortBindings ?? {}),
    volumes: host.Binds ?? [],
    networks: named && [network],
    network_mode: !named && network !== 'default' && network !== 'bridge' && network,
    restart: restartWord(host.RestartPolicy ?? {}),
    user: Config.User,
    working_dir: Config.WorkingDir,
    mem_limit: memory,
    cpus: host.NanoCpus && host.NanoCpus / 1e9,
    privileged: host.Privileged,
    read_only: host.ReadonlyRootfs,
    cap_add: host.CapAdd ?? undefined,
    cap_drop: host.CapDrop ?? undefined,
    tty: Config.Tty,
    stdin_open: Config.OpenStdin,
  };
  const outside = (names: readonly string[]): Record<string, unknown> | undefined =>
    names.length > 0 ? Object.fromEntries(names.map(name => [name, { external: true }])) : undefined;
  return yamlOf({
    services: { [Name.slice(1)]: service },
    networks: outside(named ? [network] : []),
    volumes: outside([...new Set(volumes)]),
  });
}

const plain = /^[A-Za-z_][\w./-]*$/;
/** Words that YAML would read as something else than a text. */
const taken = /^(true|false|yes|no|on|off|null|y|n|~)$/i;

/** A dollar that is meant is written twice: compose would look for a variable. */
function scalar(value: unknown): string {
  const text = String(value).replaceAll('$', '$$$$');
  return typeof value === 'string' && (!plain.test(text) || taken.test(text)) ? JSON.stringify(text) : text;
}

/** A document as YAML; fields without a value, and empty lists, are left out. */
function yamlOf(document: Readonly<Record<string, unknown>>, indent = ''): string {
  return Object.entries(document)
    .filter(([, value]) => Boolean(value) && !(Array.isArray(value) && value.length === 0))
    .map(([key, value]) => {
      const head = `${indent}${scalar(key)}:`;
      if (Array.isArray(value)) return `${head}\n${value.map(each => `${indent}  - ${scalar(each)}\n`).join('')}`;
      if (typeof value !== 'object' || value === null) return `${head} ${scalar(value)}\n`;
      return `${head}\n${yamlOf(value as Readonly<Record<string, unknown>>, `${indent}  `)}`;
    })
    .join('');
}
