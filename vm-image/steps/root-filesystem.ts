import { chmod, copyFile, cp, lstat, mkdir, readdir, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Architecture, applets, architectures, libraries, programs } from '../contents.ts';
import { npmPackage } from './npm-package.ts';
import { run } from './run.ts';

const project = join(import.meta.dirname, '../..');
const files = join(import.meta.dirname, '../files');

/** Mount points and the folders that must be there on a read-only root. */
const folders = [
  'dev',
  'proc',
  'sys',
  'run',
  'tmp',
  'root',
  'mnt',
  'var/lib/berth',
  'etc',
  'usr/bin',
  'usr/sbin',
  'usr/lib/berth',
];

/** Merged /usr, and the files that the running machine writes, in memory. */
const links = {
  bin: 'usr/bin',
  sbin: 'usr/sbin',
  lib: 'usr/lib',
  lib64: 'usr/lib64',
  'var/run': '/run',
  'etc/resolv.conf': '/run/resolv.conf',
  'etc/hosts': '/run/hosts',
  'etc/mtab': '/proc/self/mounts',
  'sbin/init': '../lib/berth/init',
};

const texts = {
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
  'etc/group': 'root:x:0:\n',
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
  'etc/os-release': 'NAME="Berth"\nID=berth\nID_LIKE=debian\nPRETTY_NAME="Berth"\n',
};

async function copyLibraries(architecture: Architecture, packages: string, root: string): Promise<void> {
  const folder = `usr/lib/${architectures[architecture].triplet}`;
  await mkdir(join(root, folder), { recursive: true });
  for (const name of (await readdir(join(packages, folder))).sort()) {
    if (!libraries.some(start => name.startsWith(start))) continue;
    await copyEntry(join(packages, folder, name), join(root, folder, name));
  }
  const loader = architecture === 'amd64' ? 'usr/lib64/ld-linux-x86-64.so.2' : 'usr/lib/ld-linux-aarch64.so.1';
  await copyEntry(join(packages, loader), join(root, loader));
}

async function copyEntry(source: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  if ((await lstat(source)).isSymbolicLink()) await symlink(await readlink(source), target);
  else await copyFile(source, target);
}

async function installBusybox(packages: string, root: string): Promise<void> {
  await copyFile(join(packages, 'usr/bin/busybox'), join(root, 'usr/bin/busybox'));
  for (const applet of applets.split(' ')) await symlink('busybox', join(root, 'usr/bin', applet));
}

async function installNode(architecture: Architecture, cache: string, home: string): Promise<void> {
  const source = await npmPackage(architectures[architecture].nodePackage, cache);
  const node = join(home, 'node');
  await copyFile(join(source, 'bin/node'), node);
  await chmod(node, 0o755);
  const strip = architecture === 'arm64' && process.arch !== 'arm64' ? 'aarch64-linux-gnu-strip' : 'strip';
  await run(strip, [node]);
}

async function installAgent(architecture: Architecture, cache: string, home: string): Promise<void> {
  const bundles = (await readdir(join(project, 'dist'))).filter(name => /\.(cjs|arguments)$/.test(name)).sort();
  for (const name of bundles) await copyFile(join(project, 'dist', name), join(home, name));
  const koffi = architectures[architecture].koffi;
  const target = join(home, 'node_modules', `@koromix/koffi-${koffi}`);
  const source = await npmPackage(`@koromix/koffi-${koffi}`, cache);
  for (const name of ['package.json', `${koffi.replace('-', '_')}/koffi.node`])
    await copyEntry(join(source, name), join(target, name));
  await copyEntry(join(await npmPackage('koffi', cache), 'LICENSE.txt'), join(target, 'LICENSE.txt'));
}

/** Lays out the machine's root file system in `root`: chosen files of Debian, Node, the agent, and our init. */
export async function layOutRoot(
  architecture: Architecture,
  packages: string,
  root: string,
  cache: string,
): Promise<void> {
  for (const folder of folders) await mkdir(join(root, folder), { recursive: true });
  for (const [path, target] of Object.entries(links)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await symlink(target, join(root, path));
  }
  for (const [path, text] of Object.entries(texts)) await writeFile(join(root, path), text);
  await copyLibraries(architecture, packages, root);
  await installBusybox(packages, root);
  for (const program of [...programs, architectures[architecture].emulator])
    await copyEntry(join(packages, program), join(root, program));
  const home = join(root, 'usr/lib/berth');
  await installNode(architecture, cache, home);
  await installAgent(architecture, cache, home);
  await cp(join(files, 'init'), join(home, 'init'));
  await chmod(join(home, 'init'), 0o755);
}

/**
 * mke2fs copies the times of reading and of change, which nobody can hold still, into the image: debugfs puts the
 * fixed time over them. The inodes of a fresh file system are used from the first on.
 */
async function fixTimes(image: string, inodes: number, epoch: number): Promise<void> {
  const script = `${image}.debugfs`;
  const fields = ['atime', 'ctime', 'crtime'].flatMap(time => [`${time} @${epoch}`, `${time}_extra 0`]);
  const commands = Array.from({ length: inodes }, (_, index) =>
    fields.map(field => `set_inode_field <${index + 1}> ${field}`),
  );
  await writeFile(script, commands.flat().join('\n'));
  await run('debugfs', ['-w', '-f', script, image], { env: { E2FSPROGS_FAKE_TIME: String(epoch) } });
  await rm(script);
}

/** Those before the first file: see `s_first_ino` in ext4(5); the 11th is lost+found. */
const reservedInodes = 11;

/** Fixed, so that the same files make the same image. */
const identity = { uuid: 'b0a7b0a7-0000-4000-8000-000000000001', hashSeed: 'b0a7b0a7-0000-4000-8000-000000000002' };

/** Of `f 1234`: what a directory takes differs between the file systems that an image is built on, so it counts as one. */
const blocksFor = (entry: string): number => (entry.startsWith('f ') ? Math.ceil(Number(entry.slice(2)) / 4096) : 1);

/**
 * Makes an ext4 image of `root`, as small as its content allows and the same for the same content: fixed identities,
 * times, owners. It is never written to, so it has no journal.
 */
export async function writeRootImage(root: string, output: string, epoch: number): Promise<void> {
  await run('find', [root, '-exec', 'touch', '--no-dereference', `--date=@${epoch}`, '{}', '+']);
  const listed = (await run('find', [root, '-printf', '%y %s\\n'])).trim().split('\n');
  const entries = listed.length;
  const inodes = reservedInodes + entries + 64;
  const blocks = Math.ceil(listed.reduce((sum, entry) => sum + blocksFor(entry), 0) * 1.05) + 1536;
  const extended = `hash_seed=${identity.hashSeed},root_owner=0:0,lazy_itable_init=0`;
  const options = `-q -F -t ext4 -b 4096 -O ^has_journal,^metadata_csum_seed -m 0 -L berth-root -N ${inodes} -U ${identity.uuid} -E ${extended}`;
  const [program, prefix] = process.getuid?.() === 0 ? ['mke2fs', []] : ['fakeroot', ['mke2fs']];
  await run(program, [...prefix, ...options.split(' '), '-d', root, output, String(blocks)], {
    env: {
      SOURCE_DATE_EPOCH: String(epoch),
      E2FSPROGS_FAKE_TIME: String(epoch),
    },
  });
  await fixTimes(output, reservedInodes + entries, epoch);
}
