import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { unavailable } from '../../contracts/errors.ts';
import type { Surroundings } from './surroundings.ts';

/**
 * The engine's program and the arguments of its Node: the bundle when there is one (a packaged Berth), else the source.
 * The inspector stays shut: SIGUSR1 would open it on loopback, within reach of a container in the host's network.
 */
export function agentCommand(project: string, args: string[]): string[] {
  const source = join(project, 'guest-agent', 'main.ts');
  const program = existsSync(source) ? source : join(project, 'dist', 'agent.mjs');
  return ['--disable-sigusr1', program, ...args];
}

/** Starts the engine on this computer. @throws unavailable where it cannot run. */
export function spawnAgent(
  around: Surroundings,
  args: string[],
  output: 'inherit' | number,
  detached = false,
): ChildProcess {
  if (process.platform !== 'linux')
    throw unavailable('The engine itself runs on Linux only: use `berth up` for a machine');
  if (process.getuid?.() !== 0) throw unavailable('The engine on this computer needs root: type `sudo berth …`');
  const { NODE_OPTIONS: _, ...env } = around.env;
  return spawn(process.execPath, agentCommand(around.project, args), {
    stdio: ['ignore', output, output],
    env,
    detached,
  });
}

/** `berth engine …`: the agent in the foreground. Signals are passed on; its exit code is ours. */
export async function runEngine(around: Surroundings, args: string[]): Promise<number> {
  const child = spawnAgent(around, args, 'inherit', true);
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, pass);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(code ?? (signal ? 1 : 0)));
  });
}
