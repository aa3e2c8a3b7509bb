import { type SpawnOptions, spawn } from 'node:child_process';

/** What a program left behind. `code` is 128 + n when signal n ended it. */
export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

const signals: Partial<Record<NodeJS.Signals, number>> = { SIGKILL: 9, SIGTERM: 15, SIGINT: 2 };

/** Runs a program to its end, feeding it `input`. Ends it, and says so, after `timeoutMs`. */
export function command(
  program: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; input?: string | Buffer; timeoutMs?: number; cwd?: string } = {},
): Promise<CommandResult> {
  const spawned: SpawnOptions = { env: { ...process.env, ...options.env }, stdio: ['pipe', 'pipe', 'pipe'] };
  if (options.cwd) spawned.cwd = options.cwd;
  const child = spawn(program, args, spawned);
  const { promise, resolve, reject } = Promise.withResolvers<CommandResult>();
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(options.input ?? '');
  const timer = setTimeout(() => {
    err.push(Buffer.from(`\n[ended by the test after ${options.timeoutMs ?? 60_000} ms]`));
    child.kill('SIGKILL');
  }, options.timeoutMs ?? 60_000);
  child.on('error', reject);
  child.on('close', (code, signal) => {
    clearTimeout(timer);
    const ended = code ?? 128 + (signals[signal ?? 'SIGKILL'] ?? 9);
    resolve({ code: ended, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
  });
  return promise;
}

/** {@link command}, that must end well; returns its standard output. @throws Error with all that it said. */
export async function succeed(
  program: string,
  args: readonly string[],
  options: Parameters<typeof command>[2] = {},
): Promise<string> {
  const { code, stdout, stderr } = await command(program, args, options);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}\n${stdout}\n${stderr}`);
  return stdout;
}
