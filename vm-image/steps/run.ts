import { spawn } from 'node:child_process';

/**
 * Runs a program to its end and returns what it printed.
 * @throws Error with its last lines of output when it fails, or with the command that installs it when it is missing.
 */
export function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      ...options,
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin`, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const printed: Buffer[] = [];
    const complaints: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => printed.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk));
    child.on('error', cause => reject(new Error(`${program} cannot be run`, { cause })));
    child.on('close', code => {
      if (code === 0) return resolve(Buffer.concat(printed).toString());
      const said = Buffer.concat([...printed, ...complaints])
        .toString()
        .trim()
        .split('\n')
        .slice(-12)
        .join('\n');
      reject(new Error(`${program} ended with ${code}:\n${said}`));
    });
  });
}
