import type { ContainerInspect } from '../../contracts/docker/containers.ts';

/** A word as a POSIX shell reads it back. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** The `docker run` that makes a container like this one. What its image says already is left out where it can be told. */
export function dockerRun(document: ContainerInspect, imageEnv: readonly string[] = []): string {
  const { Config, HostConfig, Name, State } = document;
  const host = HostConfig;
  const option = (name: string, value: string | number | undefined | null | false): string[] =>
    value ? [name, String(value)] : [];
  const words = [
    'docker',
    'run',
    ...(Config.OpenStdin && Config.Tty ? ['-it'] : State.Running || !Config.Tty ? ['-d'] : []),
    ...(host.AutoRemove ? ['--rm'] : []),
    ...option('--name', Name.slice(1)),
    ...restart(host.RestartPolicy ?? {}),
    ...option('--network', host.NetworkMode !== 'default' && host.NetworkMode !== 'bridge' && host.NetworkMode),
    ...published(host.PortBindings ?? {}),
    ...(host.Binds ?? []).flatMap(bind => ['-v', bind]),
    ...(Config.Env ?? []).filter(each => !imageEnv.includes(each)).flatMap(each => ['-e', each]),
    ...option('--memory', host.Memory),
    ...option('--cpus', host.NanoCpus && host.NanoCpus / 1e9),
    ...option('--user', Config.User),
    ...option('--workdir', Config.WorkingDir),
    ...(host.Privileged ? ['--privileged'] : []),
    ...(host.ReadonlyRootfs ? ['--read-only'] : []),
    ...(host.CapAdd ?? []).flatMap(name => ['--cap-add', name]),
    ...(host.CapDrop ?? []).flatMap(name => ['--cap-drop', name]),
    ...entrypoint(Config.Entrypoint),
    Config.Image ?? '',
    ...(Config.Entrypoint?.slice(1) ?? []),
    ...(Config.Cmd ?? []),
  ];
  return words.map(quoted).join(' ');
}

const entrypoint = (words: string[] | null): string[] => (words?.[0] ? ['--entrypoint', words[0]] : []);

const restart = (policy: { Name?: string; MaximumRetryCount?: number }): string[] => {
  const word = restartWord(policy);
  return word === '' ? [] : ['--restart', word];
};

/** `on-failure:3`; empty for never. */
export function restartWord({ Name, MaximumRetryCount }: { Name?: string; MaximumRetryCount?: number }): string {
  if (!Name || Name === 'no') return '';
  return MaximumRetryCount ? `${Name}:${MaximumRetryCount}` : Name;
}

type Bindings = Record<string, { HostIp?: string; HostPort?: string }[] | null>;

const published = (ports: Bindings): string[] => publishedWords(ports).flatMap(word => ['-p', word]);

/** `127.0.0.1:8080:80`, as `-p` and compose take them. */
export const publishedWords = (ports: Bindings): string[] =>
  Object.entries(ports).flatMap(([port, bindings]) =>
    (bindings ?? []).map(({ HostIp, HostPort }) => {
      const ip = HostIp ? `${HostIp.includes(':') ? `[${HostIp}]` : HostIp}:` : '';
      return `${ip}${HostPort ?? ''}${ip || HostPort ? ':' : ''}${port.replace('/tcp', '')}`;
    }),
  );
