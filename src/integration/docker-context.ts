import { execFile } from 'node:child_process';
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
