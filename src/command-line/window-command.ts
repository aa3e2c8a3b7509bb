import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { BerthAction } from '../../contracts/bridge.ts';
import { EngineError } from '../../contracts/errors.ts';
import { type ServedStream, streamProgram } from '../dashboard/index.ts';
import type { Surroundings } from './surroundings.ts';

const words: Record<BerthAction, readonly (readonly string[])[]> = {
  start: [['up', '--detach', '--no-hello']],
  startNative: [['up', '--native', '--detach', '--no-hello']],
  stop: [['down']],
  restart: [['down'], ['up', '--detach', '--no-hello']],
  restartNative: [['down'], ['up', '--native', '--detach', '--no-hello']],
  buildImage: [['image', 'build']],
  context: [['context']],
};

/**
 * Runs `berth` as its user would type it, and sends what it says. What it starts goes on without the window; a window that
 * goes away interrupts only a start that has not come to its end.
 */
export async function streamCommand(around: Surroundings, action: BerthAction, stream: ServedStream): Promise<void> {
  const windows = process.platform === 'win32';
  const program = join(around.project, 'bin', windows ? 'berth.cmd' : 'berth');
  for (const args of words[action]) {
    // the shell of Windows cuts a path at its spaces
    const child = spawn(windows ? `"${program}"` : program, args, {
      env: around.env,
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
      shell: windows,
    });
    const { code, said } = await streamProgram(child, stream);
    if (code !== 0) throw new EngineError('internal', said.trim() || `berth ${args.join(' ')} ended with ${code}`);
  }
}
