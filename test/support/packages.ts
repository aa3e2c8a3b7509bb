import { existsSync } from 'node:fs';
import { installCommand } from '../../src/command-line/system-packages.ts';
import { command } from './command.ts';

/** Programs that the tests call, and the Debian packages that they are in. */
const needs: Record<string, string> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  mmdebstrap: 'mmdebstrap',
  mke2fs: 'e2fsprogs',
  debugfs: 'e2fsprogs',
  depmod: 'kmod',
  strip: 'binutils',
  xz: 'xz-utils',
  skopeo: 'skopeo',
  'docker-registry': 'docker-registry',
  busybox: 'busybox-static',
  strace: 'strace',
  ip: 'iproute2',
  nft: 'nftables',
  curl: 'curl',
  'mkfs.btrfs': 'btrfs-progs',
  'fuse-overlayfs': 'fuse-overlayfs',
  python3: 'python3',
  pgrep: 'procps',
  docker: 'docker-cli',
  crun: 'crun',
  ssh: 'openssh-client',
};

const libraries: Record<string, string> = { 'libseccomp.so.2': 'libseccomp2', 'libnftables.so.1': 'libnftables1' };

const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin', '/bin'];
const libraryFolders = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib'];

const missingFrom = (wanted: Record<string, string>, places: string[]): string[] =>
  Object.keys(wanted).filter(name => !places.some(place => existsSync(`${place}/${name}`)));

/**
 * Installs what the tests need and this machine lacks, where we may (Debian or Ubuntu, as root).
 * @throws Error with the one command to type elsewhere.
 */
export async function ensureTestPackages(): Promise<void> {
  const missing = [...missingFrom(needs, folders), ...missingFrom(libraries, libraryFolders)];
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map(name => needs[name] ?? libraries[name] ?? name))];
  const typed = installCommand(packages);
  if (process.getuid?.() !== 0 || !typed?.includes('apt-get')) {
    throw new Error(`The tests need ${missing.join(', ')}. Type: ${typed ?? `install ${packages.join(' ')}`}`);
  }
  process.stdout.write(`installing ${packages.join(' ')}\n`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const install = ['install', '--yes', '--no-install-recommends', ...packages];
  await command('apt-get', ['update'], { env, timeoutMs: 300_000 });
  const { code, stderr } = await command('apt-get', install, { env, timeoutMs: 900_000 });
  if (code !== 0) throw new Error(`apt-get install ${packages.join(' ')} failed:\n${stderr}`);
}
