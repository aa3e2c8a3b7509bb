import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { BerthAction } from '../../contracts/bridge.ts';
import { EngineError } from '../../contracts/errors.ts';
import { endOf, type ServedStream, streamProgram } from '../dashboard/index.ts';
import type { Surroundings } from './surroundings.ts';

const words: Record<BerthAction, readonly (readonly string[])[]> = {
  start: [['up', '--detach', '--no-hello']],
  startNative: [['up', '--native', '--detach', '--no-hello']],
  stop: [['down']],
  restart: [['down'], ['up', '--detach', '--no-hello']],
  restartNative: [['down'], ['up', '--native', '--detach', '--no-hello']],
  buildImage: [['image', 'build']],
  context: [['context']],
  reset: [['reset', '--yes']],
};

/**
 * Runs `berth` as its user would type it, and sends what it says. What it starts goes on without the window; a window that
 * goes away interrupts only a start that has not come to its end.
 */
export async function streamCommand(around: Surroundings, action: BerthAction, stream: ServedStream): Promise<void> {
  for (const args of words[action]) {
    const { code, said } = await streamProgram(spawnBerth(around, args), stream);
    if (code !== 0) throw new EngineError('internal', said.trim() || `berth ${args.join(' ')} ended with ${code}`);
  }
}

/** Starts the engine as it ran last, where nobody watches. @throws EngineError with what `berth` said at last */
export async function startQuietly(around: Surroundings): Promise<void> {
  const child = spawnBerth(around, words.start[0] ?? []);
  let said = '';
  const keep = (part: Buffer): void => {
    said = (said + part.toString()).slice(-500);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  child.stdin.end();
  const code = await endOf(child);
  if (code !== 0) throw new EngineError('internal', said.trim().split('\n').at(-1) ?? '');
}

function spawnBerth({ env, project }: Surroundings, args: readonly string[]): ChildProcessWithoutNullStreams {
  const windows = process.platform === 'win32';
  const program = join(project, 'bin', windows ? 'berth.cmd' : 'berth');
  // the shell of Windows cuts a path at its spaces
  return spawn(windows ? `"${program}"` : program, args, { env, stdio: 'pipe', windowsHide: true, shell: windows });
}
