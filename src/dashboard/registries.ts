import { spawn } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readJsonFile } from '../../base/json-file.ts';
import type { CallRequest, LogInDocument } from '../../contracts/bridge.ts';
import type { AuthConfig } from '../../contracts/docker/common.ts';
import { EngineError } from '../../contracts/errors.ts';
import { parseReference } from '../../contracts/oci/reference.ts';
import { endOf } from './program-stream.ts';

/** Log-ins of registries, as the `docker` command of this computer keeps them. Passwords go in, and never to a window. */
export interface Registries {
  list(): Promise<LogInDocument[]>;
  /** @throws EngineError in the words of `docker login` */
  logIn(request: CallRequest<'logIn'>): Promise<void>;
  logOut(registry: string): Promise<void>;
  /** `X-Registry-Auth` of a request for an image of this name; undefined without a log-in. */
  headerFor(reference: string): Promise<string | undefined>;
}

/** The name under which Docker Hub is kept. */
const hub = 'https://index.docker.io/v1/';

interface DockerConfig {
  auths?: Record<string, { auth?: string; identitytoken?: string }>;
  credsStore?: string;
  credHelpers?: Record<string, string>;
}

type Run = (
  program: string,
  args: readonly string[],
  input: string,
) => Promise<{ code: number | null; output: string }>;

/** `dockerHost` is asked for each log-in: the engine that the window shows tries it. */
export function openRegistries(env: NodeJS.ProcessEnv, dockerHost: () => string): Registries {
  const file = join(env.DOCKER_CONFIG || join(homedir(), '.docker'), 'config.json');
  const read = (): DockerConfig => (readJsonFile(file) as DockerConfig | undefined) ?? {};
  const run: Run = async (program, args, input) => {
    const child = spawn(program, args, {
      env: { ...env, DOCKER_HOST: dockerHost() },
      stdio: 'pipe',
      windowsHide: true,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', part => (output += String(part)));
    child.stdin.on('error', () => undefined); // it may give up before it has read all
    child.stdin.end(input);
    return { code: await endOf(child), output };
  };
  const docker = async (args: readonly string[], input = ''): Promise<void> => {
    const { code, output } = await run('docker', args, input);
    if (code !== 0) throw new EngineError('unauthorized', lastLine(output));
  };
  return {
    list: () => logInsOf(read(), run),
    logIn: ({ registry, user, secret }) =>
      docker(['login', '--username', user, '--password-stdin', ...named(registry)], secret),
    logOut: registry => docker(['logout', ...named(registry)]),
    headerFor: async reference => {
      const registry = registryOf(reference);
      const credentials = registry && (await credentialsOf(read(), registry, run));
      return credentials ? Buffer.from(JSON.stringify(credentials)).toString('base64url') : undefined;
    },
  };
}

/** Docker Hub is what the command means without a name. */
const named = (registry: string): string[] => (registry === hub || registry === 'docker.io' ? [] : [registry]);

const lastLine = (output: string): string => output.trim().split('\n').at(-1) ?? '';

function registryOf(reference: string): string | undefined {
  try {
    const { domain } = parseReference(reference);
    return domain === 'docker.io' ? hub : domain;
  } catch {
    return undefined; // the engine says what is wrong with it
  }
}

/** A helper is a program of its own: what a file says of its name is not taken for more. */
const helperName = /^[\w.-]+$/;

async function askHelper(name: string, verb: 'get' | 'list', input: string, run: Run): Promise<unknown> {
  if (!helperName.test(name)) return undefined;
  try {
    const { code, output } = await run(`docker-credential-${name}`, [verb], input);
    return code === 0 ? JSON.parse(output) : undefined;
  } catch {
    return undefined; // left behind by another product, perhaps
  }
}

async function logInsOf(
  { auths = {}, credsStore, credHelpers = {} }: DockerConfig,
  run: Run,
): Promise<LogInDocument[]> {
  const inStore = credsStore
    ? ((await askHelper(credsStore, 'list', '', run)) as Record<string, string> | undefined)
    : {};
  const found = new Map<string, string>(Object.entries(inStore ?? {}));
  for (const registry of Object.keys(credHelpers)) if (!found.has(registry)) found.set(registry, '');
  for (const [registry, { auth }] of Object.entries(auths)) if (auth || !credsStore) found.set(registry, userIn(auth));
  return [...found].map(([registry, user]) => ({ registry, user })).sort((a, b) => (a.registry < b.registry ? -1 : 1));
}

const userIn = (auth = ''): string => Buffer.from(auth, 'base64').toString().split(':')[0] ?? '';

async function credentialsOf(config: DockerConfig, registry: string, run: Run): Promise<AuthConfig | undefined> {
  const helper = config.credHelpers?.[registry] ?? config.credsStore;
  const kept = helper ? await askHelper(helper, 'get', registry, run) : undefined;
  const { Username: username, Secret: password } = (kept ?? {}) as { Username?: string; Secret?: string };
  // helpers keep the token of a registry under this name
  if (username === '<token>') return { identitytoken: password, serveraddress: registry };
  if (username) return { username, password, serveraddress: registry };
  const { auth, identitytoken } = config.auths?.[registry] ?? {};
  if (!auth) return undefined;
  const [user = '', ...secret] = Buffer.from(auth, 'base64').toString().split(':');
  return { username: user, password: secret.join(':'), identitytoken, serveraddress: registry };
}
