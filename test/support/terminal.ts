import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { eventually } from './eventually.ts';

/** A program on a real terminal (Python's pty module makes it). */
export interface Terminal {
  /** Types as a user would: `\r` is Enter, `\x03` Ctrl-C. */
  type(keys: string): void;
  resize(rows: number, columns: number): void;
  /** Everything shown so far. */
  shown(): string;
  /** Waits until what was shown since the last such call matches. @throws Error with what was shown instead */
  shows(pattern: RegExp): Promise<void>;
  /** The program's exit code. */
  readonly ended: Promise<number>;
}

/** Starts a program on a terminal of its own. It is ended after `timeoutMs`. */
export function openTerminal(
  words: readonly string[],
  options: { env?: NodeJS.ProcessEnv; rows?: number; columns?: number; timeoutMs?: number } = {},
): Terminal {
  const { rows = 24, columns = 80, timeoutMs = 120_000 } = options;
  const args = [join(import.meta.dirname, 'terminal.py'), String(rows), String(columns), ...words];
  const child = spawn('python3', args, {
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
    timeout: timeoutMs,
  });
  const chunks: Buffer[] = [];
  let seen = 0;
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stdin?.on('error', () => undefined);
  const sizes = child.stdio[3] as Writable;
  sizes.on('error', () => undefined);
  const shown = (): string => Buffer.concat(chunks).toString();
  return {
    type: keys => void child.stdin?.write(keys),
    resize: (newRows, newColumns) => void sizes.write(`${newRows} ${newColumns}\n`),
    shown,
    shows: async pattern => {
      const found = await eventually(
        `${words.join(' ')} shows ${pattern}`,
        () => shown().slice(seen).match(pattern),
        60_000,
      ).catch(cause => {
        throw new Error(`not shown: ${pattern}; but: ${JSON.stringify(shown().slice(seen))}`, { cause });
      });
      seen += (found.index ?? 0) + found[0].length;
    },
    ended: new Promise(resolve => child.once('close', (code, signal) => resolve(code ?? (signal ? 128 : 0)))),
  };
}
