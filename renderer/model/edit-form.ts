import type { ContainerCreateBody, ContainerInspect } from '../../contracts/docker/containers.ts';
import { publishedWords, quoted } from './docker-run.ts';
import { createBody, emptyRunForm, type RunForm } from './run-form.ts';

/** What a container is, as the form asks it. What its image says already is left out: the image says it again. */
export function formOf(
  document: ContainerInspect,
  imageEnv: readonly string[],
  imageCommand: readonly string[],
): RunForm {
  const { Config, HostConfig: host, Name } = document;
  const command = (Config.Cmd ?? []).map(quoted).join(' ');
  return {
    ...emptyRunForm,
    image: Config.Image ?? '',
    name: Name.slice(1),
    command: command === imageCommand.map(quoted).join(' ') ? '' : command,
    ports: publishedWords(host.PortBindings ?? {}).join('\n'),
    env: (Config.Env ?? []).filter(each => !imageEnv.includes(each)).join('\n'),
    mounts: [...(host.Binds ?? []), ...namelessVolumes(document)].join('\n'),
    network: ['default', 'bridge'].includes(host.NetworkMode ?? 'default') ? '' : (host.NetworkMode ?? ''),
    restart: restartOf(host),
    memory: host.Memory ? String(Math.round(host.Memory / 1024 ** 2)) : '',
    cpus: host.NanoCpus ? String(host.NanoCpus / 1e9) : '',
    autoRemove: host.AutoRemove ?? false,
    terminal: (Config.Tty && Config.OpenStdin) ?? false,
  };
}

const restarts = ['always', 'unless-stopped', 'on-failure'] as const;
const restartOf = ({ RestartPolicy }: ContainerInspect['HostConfig']): RunForm['restart'] =>
  restarts.find(name => name === RestartPolicy?.Name) ?? '';

/** A volume that the image asked for has only its id: it is named, so that its data goes with it. */
function namelessVolumes({ HostConfig: { Binds, Mounts: asked }, Mounts }: ContainerInspect): string[] {
  const told = [...(Binds ?? []).map(bind => bind.split(':')[1]), ...(asked ?? []).map(({ Target }) => Target)];
  return Mounts.filter(({ Type, Destination }) => Type === 'volume' && !told.includes(Destination)).map(
    ({ Name, Destination }) => `${Name}:${Destination}`,
  );
}

/** The request for a container like this one, changed as the form says: what the form does not ask stays as it is. */
export function editedBody(document: ContainerInspect, form: RunForm, before: RunForm): ContainerCreateBody {
  const { Config, HostConfig: host, NetworkSettings, Id } = document;
  const { HostConfig: changed, ...asked } = createBody(form);
  const sameNetwork = form.network === before.network;
  const endpoints = Object.entries(NetworkSettings.Networks ?? {}).map(
    ([name, { Aliases, IPAMConfig, DriverOpts, Links }]) => [name, { Aliases, IPAMConfig, DriverOpts, Links }] as const,
  );
  const limits = { Memory: 0, NanoCpus: 0, ...changed };
  const swap = limits.Memory === host.Memory ? {} : { MemorySwap: 0 };
  const retries = host.RestartPolicy?.Name === form.restart ? { RestartPolicy: host.RestartPolicy } : {};
  return {
    ...withoutNull({ ...Config, Cmd: undefined }),
    ...asked,
    // a host name that is the old id's beginning was never chosen
    Hostname: Id.startsWith(Config.Hostname ?? '') ? '' : Config.Hostname,
    HostConfig: { ...withoutNull(host), ...limits, ...swap, ...retries },
    ...(sameNetwork && { NetworkingConfig: { EndpointsConfig: withoutNull(Object.fromEntries(endpoints)) } }),
  } as ContainerCreateBody;
}

/** Null means the same as nothing, and is not a value that the form's types know. */
const withoutNull = <T extends object>(document: T): T =>
  JSON.parse(JSON.stringify(document, (_key, value: unknown) => value ?? undefined)) as T;

/** Fields that differ, with what they were and what they will be. */
export function changedFields(before: RunForm, after: RunForm): { field: keyof RunForm; from: string; to: string }[] {
  const text = (value: string | boolean): string => (typeof value === 'string' ? value : value ? '✓' : '');
  return (Object.keys(before) as (keyof RunForm)[])
    .filter(field => before[field] !== after[field])
    .map(field => ({ field, from: text(before[field]), to: text(after[field]) }));
}
