import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What a program prints. @throws Error when it fails, or takes longer than ten seconds */
export async function succeedWith(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await run(program, [...args], { env, timeout: 10_000, windowsHide: true });
  return stdout;
}
