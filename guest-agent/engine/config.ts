import type { ContainerConfig, HealthConfig } from '../../contracts/docker/containers.ts';

/** Docker's default search path on Linux. */
export const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const keyOf = (variable: string): string => variable.split('=', 1)[0] ?? '';

/** What the user asks for, completed with what the image says (Docker's runconfig.Merge). */
export function mergeConfig(request: ContainerConfig, image: ContainerConfig): ContainerConfig {
  return {
    ...request,
    ...mergeCommand(request, image),
    User: request.User || image.User || '',
    WorkingDir: request.WorkingDir || image.WorkingDir || '',
    StopSignal: request.StopSignal || image.StopSignal,
    StopTimeout: request.StopTimeout ?? image.StopTimeout,
    Shell: request.Shell?.length ? request.Shell : image.Shell,
    ExposedPorts: { ...image.ExposedPorts, ...request.ExposedPorts },
    Volumes: { ...image.Volumes, ...request.Volumes },
    Labels: { ...image.Labels, ...request.Labels },
    Env: mergeEnvironment(request.Env ?? [], image.Env ?? []),
    Healthcheck: mergeHealth(request.Healthcheck, image.Healthcheck),
    OnBuild: undefined,
  };
}

/** An entrypoint of the user's drops the image's command; `--entrypoint ''` arrives as `['']` and drops both. */
function mergeCommand(request: ContainerConfig, image: ContainerConfig): Pick<ContainerConfig, 'Entrypoint' | 'Cmd'> {
  const cleared = request.Entrypoint?.length === 1 && request.Entrypoint[0] === '';
  if (request.Entrypoint?.length) return { Entrypoint: cleared ? undefined : request.Entrypoint, Cmd: request.Cmd };
  return {
    Entrypoint: request.Entrypoint ?? image.Entrypoint,
    Cmd: request.Cmd?.length ? request.Cmd : image.Cmd,
  };
}

function mergeEnvironment(request: readonly string[], image: readonly string[]): string[] {
  const keys = new Set(request.map(keyOf));
  return [...request, ...image.filter(variable => !keys.has(keyOf(variable)))];
}

function mergeHealth(request: HealthConfig | undefined, image: HealthConfig | undefined): HealthConfig | undefined {
  if (!request || !image) return request ?? image;
  return {
    Test: request.Test?.length ? request.Test : image.Test,
    Interval: request.Interval || image.Interval,
    Timeout: request.Timeout || image.Timeout,
    StartPeriod: request.StartPeriod || image.StartPeriod,
    StartInterval: request.StartInterval || image.StartInterval,
    Retries: request.Retries || image.Retries,
  };
}

/** Entrypoint and command in one list. */
export const commandOf = (config: ContainerConfig): string[] => [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];

/** `base` with the variables of `changes` in their places; one without `=` takes its variable away (Docker's ReplaceOrAppendEnvValues). */
export function withVariables(base: readonly string[], changes: readonly string[]): string[] {
  const variables = new Map(base.map(variable => [keyOf(variable), variable]));
  for (const change of changes) {
    if (change.includes('=')) variables.set(keyOf(change), change);
    else variables.delete(change);
  }
  return [...variables.values()];
}

/** The environment that a container's first process gets. */
export function environmentOf(config: ContainerConfig, hostname: string): string[] {
  const base = [`PATH=${defaultPath}`, `HOSTNAME=${hostname}`];
  if (config.Tty) base.push('TERM=xterm');
  return withVariables(base, config.Env ?? []);
}
