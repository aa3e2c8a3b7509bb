import type { TerminalEnd } from '../../contracts/bridge.ts';
import { bridge } from './clients.ts';

/** Wide enough that no line is broken. */
const columns = 1000;

/** Runs a program in a container, without a shell; what it wrote, and its exit code. @throws EngineError when it cannot start */
export function runIn(container: string, command: string[]): Promise<{ output: string; exitCode: number | null }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ output: string; exitCode: number | null }>();
  const text = new TextDecoder();
  let output = '';
  let exitCode: number | null = null;
  const request = { container, command, user: undefined, rows: 24, columns };
  bridge.open('terminal', request, {
    bytes: bytes => {
      output += text.decode(bytes, { stream: true });
    },
    item: item => {
      ({ exitCode } = item as TerminalEnd);
    },
    ended: error => (error ? reject(error) : resolve({ output, exitCode })),
  });
  return promise;
}
