import { execFile } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf, notFound, unavailable } from '../../contracts/errors.ts';

const run = promisify(execFile);

/** Runs the docker command line. @throws not-found when there is none, unavailable with its words when it refuses. */
async function docker(args: string[], env: NodeJS.ProcessEnv): Promise<string> {
  try {
    return (await run('docker', args, { env, timeout: 20_000 })).stdout.trim();
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') throw notFound('The docker command line is not installed');
    throw unavailable(stderr?.trim() || messageOf(error), { cause: error });
  }
}

/** `Docker version 28.5.1, build …`. @throws not-found */
export const dockerVersion = (env: NodeJS.ProcessEnv): Promise<string> => docker(['--version'], env);

/**
 * Makes the docker context `name`, or points the one that there is at `host`. It is selected only when `use` is set:
 * what `docker` talks to is the user's choice. Returns what was done.
 */
export async function ensureDockerContext(
  options: { name: string; host: string; use: boolean },
  env: NodeJS.ProcessEnv,
): Promise<'created' | 'updated'> {
  const { name, host, use } = options;
  const names = (await docker(['context', 'ls', '--format', '{{.Name}}'], env)).split('\n');
  const verb = names.includes(name) ? 'update' : 'create';
  await docker(['context', verb, name, '--description', 'Berth', '--docker', `host=${host}`], env);
  if (use) await docker(['context', 'use', name], env);
  return verb === 'update' ? 'updated' : 'created';
}

/** Removes the context; it is no error when there is none. */
export async function removeDockerContext(name: string, env: NodeJS.ProcessEnv): Promise<void> {
  await docker(['context', 'rm', '--force', name], env);
}

/** A docker context, as a list of them tells it. */
export interface DockerContext {
  name: string;
  description: string;
  /** The address of its engine. */
  host: string;
  /** Why it cannot be read. */
  problem: string;
}

interface ContextLine {
  Name: string;
  Description: string;
  DockerEndpoint: string;
  Error?: string;
}

/** Docker's contexts; none without the docker command. */
export async function listDockerContexts(env: NodeJS.ProcessEnv): Promise<DockerContext[]> {
  const lines = await docker(['context', 'ls', '--format', 'json'], env).catch(() => '');
  return lines
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as ContextLine)
    .map(({ Name, Description, DockerEndpoint, Error: problem = '' }) => ({
      ...{ name: Name, description: Description, host: DockerEndpoint, problem },
    }));
}

/** Where the engine of a context is. */
export interface ContextEndpoint {
  host: string;
  /** Of `ca.pem`, `cert.pem` and `key.pem`, as far as the context has them; undefined without any. */
  tlsFolder: string | undefined;
  skipsVerification: boolean;
}

interface ContextDocument {
  Endpoints: { docker?: { Host?: string; SkipTLSVerify?: boolean } };
  TLSMaterial?: { docker?: string[] };
  Storage: { TLSPath: string };
}

/** @throws unavailable in the command's words when there is no such context */
export async function readDockerContext(name: string, env: NodeJS.ProcessEnv): Promise<ContextEndpoint> {
  const [found] = JSON.parse(await docker(['context', 'inspect', name], env)) as ContextDocument[];
  const { Host: host = '', SkipTLSVerify: skipsVerification = false } = found?.Endpoints.docker ?? {};
  const hasFiles = (found?.TLSMaterial?.docker ?? []).length > 0;
  return { host, skipsVerification, tlsFolder: hasFiles ? tlsFolder(found?.Storage.TLSPath ?? '', env) : undefined };
}

/** What the context `default` has stands in the environment: it is in no store. */
const tlsFolder = (stored: string, env: NodeJS.ProcessEnv): string =>
  stored.startsWith('<')
    ? env.DOCKER_CERT_PATH || env.DOCKER_CONFIG || join(homedir(), '.docker')
    : join(stored, 'docker');
