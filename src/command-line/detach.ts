import { spawn } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { ensureHome, type Surroundings } from './surroundings.ts';

/** Says in the background program's environment that its parent waits for word. */
const marker = 'BERTH_IN_BACKGROUND';

export const inBackground = (env: NodeJS.ProcessEnv): boolean => env[marker] === '1' && process.connected === true;

/** Lets the waiting parent go. */
export function tellParent(): void {
  process.send?.({ up: true });
  process.disconnect?.();
}

/**
 * Runs `berth up` again in a session of its own and waits until it is up: what it says until then goes to the user
 * (by way of its output file), afterwards to `up.log`. Returns its exit code when it fails first.
 */
export async function detach(around: Surroundings, args: string[]): Promise<number> {
  ensureHome(around);
  const path = join(around.home.folder, 'up.log');
  const output = openSync(path, 'w', 0o600);
  const child = spawn(process.execPath, ['--disable-sigusr1', join(import.meta.dirname, 'main.ts'), ...args], {
    detached: true,
    stdio: ['ignore', output, output, 'ipc'],
    env: { ...around.env, [marker]: '1' },
  });
  closeSync(output);
  const shown = showFile(path, text => process.stderr.write(text));
  // Ctrl-C before it is up means: not at all.
  const cancel = (): void => void child.kill('SIGTERM');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, cancel);
  const code = await new Promise<number>(resolve => {
    child.on('message', () => resolve(0));
    child.on('exit', status => resolve(status ?? 1));
    child.on('error', () => resolve(1));
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, cancel);
  shown.finish();
  if (child.connected) child.disconnect();
  child.unref();
  return code;
}

/** Shows what is appended to a file until `finish`. */
function showFile(path: string, write: (text: string) => void): { finish(): void } {
  const file = openSync(path, 'r');
  const show = (): void => {
    for (;;) {
      const text = readSome(file);
      if (text === '') return;
      write(text);
    }
  };
  const timer = setInterval(show, 50);
  return {
    finish: () => {
      clearInterval(timer);
      show();
      closeSync(file);
    },
  };
}

const chunk = Buffer.alloc(65_536);
const readSome = (file: number): string => chunk.toString('utf8', 0, readSync(file, chunk));
