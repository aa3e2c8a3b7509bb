#!/usr/bin/env node
// Runs one of our TypeScript programs on the Node that package-lock.json pins, whatever Node the machine has:
// `node scripts/run.mjs scripts/test.ts --long`. Installs the npm packages first when they are missing or old.
// Plain JavaScript, since it is what an older Node reads.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(project, 'node_modules');

const installedAt = join(modules, '.package-lock.json');
const stale = () =>
  !existsSync(installedAt) || statSync(installedAt).mtimeMs < statSync(join(project, 'package-lock.json')).mtimeMs;

/** `npm ci` empties what a link leads to, perhaps while another tree works with it. */
const linked = lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;

if (stale() && linked)
  process.stderr.write('berth: node_modules is a link, whose packages may be old: not installed\n');
else if (stale()) {
  process.stderr.write('berth: installing npm packages\n');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const done = spawnSync(npm, ['ci', '--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'], {
    cwd: project,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (done.status !== 0) {
    process.stderr.write('berth: npm ci failed; the lines above say why\n');
    process.exit(1);
  }
}

const pinned = join(modules, '.bin', process.platform === 'win32' ? 'node.cmd' : 'node');
const node = existsSync(pinned) ? pinned : process.execPath;
if (node === process.execPath && Number(process.versions.node.split('.')[0]) < 26) {
  process.stderr.write(`berth: Node 26 or newer is needed here, this is ${process.version}\n`);
  process.exit(1);
}

// The one library that this Node needs and a bare Debian has not: a desktop brings it along.
const library = { file: 'libatomic.so.1', package: 'libatomic1' };

/** The dynamic loader's own exit code is 127: true once what it missed has been installed. */
function installLibrary() {
  const { stderr = '' } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  if (!stderr?.includes(library.file)) return false;
  const words = ['install', '--no-install-recommends', library.package];
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    const repair = existsSync('/usr/bin/apt-get')
      ? `Type: sudo apt-get ${words.join(' ')}`
      : 'Install the package with it';
    process.stderr.write(`berth: ${library.file} is not installed. ${repair}\n`);
    return false;
  }
  process.stderr.write(`berth: installing ${library.package}\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = args => spawnSync('apt-get', ['-q', ...args], { stdio: ['ignore', 2, 2], env }).status === 0;
  return apt([...words, '--yes']) || (apt(['update']) && apt([...words, '--yes']));
}

const [program, ...words] = process.argv.slice(2);

function run(again) {
  const child = spawn(node, ['--disable-sigusr1', join(project, program), ...words], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
    env: {
      ...process.env,
      PATH: `${join(modules, '.bin')}${process.platform === 'win32' ? ';' : ':'}${process.env.PATH}`,
    },
  });
  const passOn = signal => child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, passOn);
  child.on('exit', (code, signal) => {
    if (code !== 127 || again || !installLibrary()) process.exit(signal ? 1 : (code ?? 1));
    for (const each of signals) process.off(each, passOn);
    run(true);
  });
}

process.on('SIGUSR1', () => undefined); // or it would open the inspector, as it does in every Node
run(false);
