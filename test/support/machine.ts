import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type CommandResult, command, succeed } from './command.ts';
import { dockerOn, type TestEngine } from './engine.ts';

const project = dirname(dirname(import.meta.dirname));
const berth = join(project, 'bin/berth');
const cache = join(process.env.BERTH_TEST_CACHE ?? join(homedir(), '.cache/berth-test'), 'machine-images');

/** Whatever a machine image is made of. */
const sources = [
  'vm-image/**/*',
  'guest-agent/**/*',
  'contracts/**/*',
  'base/**/*',
  'scripts/build.ts',
  'package-lock.json',
];

function imageKey(): string {
  const hash = createHash('sha256');
  const files = sources.flatMap(pattern => globSync(pattern, { cwd: project, withFileTypes: true }));
  const paths = files.filter(file => file.isFile()).map(file => join(file.parentPath, file.name));
  for (const path of paths.sort()) hash.update(`${path.slice(project.length)}\n`).update(readFileSync(path));
  return hash.digest('hex').slice(0, 16);
}

/** The folder of images (`images` of a home) made of the sources as they are; built when it is not there yet. */
export async function machineImages(): Promise<string> {
  const images = join(cache, imageKey());
  if (existsSync(images)) return images;
  await mkdir(cache, { recursive: true });
  await forgetOldImages();
  const home = await mkdtemp(join(cache, 'building-'));
  await succeed(berth, ['image', 'build'], { env: { BERTH_HOME: home }, timeoutMs: 900_000 });
  await rename(join(home, 'images'), images);
  await rm(home, { recursive: true });
  return images;
}

const dayMs = 86_400_000;

/** Images of sources that have changed since. Not the youngest: somebody else's machine may run on one. */
async function forgetOldImages(): Promise<void> {
  for (const name of await readdir(cache)) {
    const path = join(cache, name);
    if (Date.now() - (await stat(path)).mtimeMs > dayMs) await rm(path, { recursive: true, force: true });
  }
}

export interface TestMachine extends TestEngine {
  home: string;
  berth(...args: string[]): Promise<CommandResult>;
}

/** Boots a machine with a home of its own; `engine`: its daemon.json. */
export async function startMachine(engine: Record<string, unknown> = {}): Promise<TestMachine> {
  const home = await mkdtemp(join(tmpdir(), 'berth-home-'));
  await symlink(await machineImages(), join(home, 'images'));
  await writeFile(join(home, 'settings.json'), JSON.stringify({ engine }));
  const run = (...args: string[]): Promise<CommandResult> =>
    command(berth, args, { env: { BERTH_HOME: home }, timeoutMs: 240_000 });
  const up = await run('up', '--detach', '--no-hello');
  if (up.code !== 0) throw new Error(`berth up ended with ${up.code}:\n${up.stdout}${up.stderr}`);
  const socket = join(home, 'docker.sock');
  const docker = dockerOn(socket);
  return {
    ...docker,
    socket,
    home,
    berth: run,
    log: () => readFile(join(home, 'berth.log'), 'utf8'),
    stop: async () => {
      const answers = (await docker.tryDocker(['version'])).code === 0;
      const words = answers
        ? ''
        : (await Promise.all([run('logs'), run('logs', '--console')])).map(lastLines).join('\n');
      const down = await run('down');
      if (!answers) throw new Error(`the machine no longer answered; its logs end with\n${words}`);
      if (down.code !== 0) throw new Error(`berth down ended with ${down.code}:\n${down.stdout}${down.stderr}`);
      await rm(home, { recursive: true, force: true });
    },
  };
}

const lastLines = ({ stdout }: CommandResult): string => stdout.trimEnd().split('\n').slice(-40).join('\n');
