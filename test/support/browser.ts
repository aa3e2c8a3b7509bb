import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Browser, chromium } from 'playwright-core';

const project = dirname(dirname(import.meta.dirname));
const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

const installed = (): string | undefined => process.env.BERTH_TEST_CHROMIUM ?? places.find(existsSync);

/** Where Chromium is: installed first, where we may (Debian, as root). Undefined, with a printed reason, where it is not. */
export function findChromium(): string | undefined {
  if (!installed() && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    process.stdout.write('installing chromium\n');
    const args = ['install', '--yes', '--no-install-recommends', 'chromium', 'fonts-dejavu-core'];
    spawnSync('apt-get', args, { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  }
  const found = installed();
  if (!found) process.stdout.write('skipped: the tests of the window need Chromium (apt-get install chromium)\n');
  return found;
}

/** A browser without a window. */
export const launchBrowser = (executablePath: string): Promise<Browser> =>
  chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });

export interface TestDashboard {
  /** An address that opens it once. */
  newAddress(): Promise<string>;
  stop(): Promise<void>;
}

/** Starts `berth dashboard` on an engine's socket. */
export async function startDashboard(
  home: string,
  socket: string,
  { port = 0, env = {} }: { port?: number; env?: NodeJS.ProcessEnv } = {},
): Promise<TestDashboard> {
  const child: ChildProcess = spawn(
    join(project, 'bin/berth'),
    ['dashboard', '--socket', socket, '--port', String(port)],
    { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env, BERTH_HOME: home } },
  );
  if (!child.stdout) throw new Error('no output');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new Error('the dashboard ended');
    return value;
  };
  let first: string | undefined = await next();
  return {
    newAddress: async () => {
      const address = first;
      first = undefined;
      if (address) return address;
      child.stdin?.write('\n');
      return next();
    },
    stop: async () => {
      const ended = new Promise(resolve => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    },
  };
}
