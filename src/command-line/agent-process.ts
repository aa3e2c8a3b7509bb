import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { unavailable } from '../../contracts/errors.ts';
import type { Surroundings } from './surroundings.ts';

/**
 * The engine's program and the arguments of its Node. The inspector stays shut: SIGUSR1 would open it on loopback, within
 * reach of a container in the host's network. A small young generation costs less memory and fewer page faults, and clearing it is
 * too little work for several threads: with other programs on the CPUs, waiting for all of them takes longer.
 */
export function agentCommand(project: string, args: string[]): string[] {
  return ['--disable-sigusr1', '--max-semi-space-size=2', '--single-threaded-gc', agentProgram(project), ...args];
}

/** The bundle, made anew when a source is younger; from source where it cannot be made, which takes more memory and time. */
function agentProgram(project: string): string {
  const source = join(project, 'guest-agent', 'main.ts');
  const bundle = join(project, 'dist', 'agent.cjs');
  if (!existsSync(source)) return bundle;
  const changed = lastChange(project);
  if (builtAt(bundle) > changed) return bundle;
  spawnSync(process.execPath, [join(project, 'scripts', 'build.ts')], { stdio: 'ignore' });
  return builtAt(bundle) > changed ? bundle : source;
}

const builtAt = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** When anything that the bundle is made of was last written, in milliseconds since 1970. */
function lastChange(project: string): number {
  const files = ['guest-agent', 'contracts', 'base'].flatMap(folder =>
    readdirSync(join(project, folder), { recursive: true, encoding: 'utf8' }).map(name => join(project, folder, name)),
  );
  return Math.max(...[...files, join(project, 'package-lock.json'), join(project, 'scripts', 'build.ts')].map(builtAt));
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
