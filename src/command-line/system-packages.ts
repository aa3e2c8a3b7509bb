import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { unavailable } from '../../contracts/errors.ts';
import { findQemuProgram } from '../machine/index.ts';
import type { Surroundings } from './surroundings.ts';

/** Programs that a task needs, and the Debian packages that they are in. */
export interface Need {
  /** What is missing, by program. */
  programs: string[];
  packages: string[];
}

const qemuPackage = { amd64: 'qemu-system-x86', arm64: 'qemu-system-arm' } as const;

/** What is missing to run the machine. */
export function missingForMachine({ arch, env }: Surroundings): Need {
  const found = findQemuProgram(arch, env) !== undefined;
  return found ? { programs: [], packages: [] } : { programs: ['qemu'], packages: [qemuPackage[arch]] };
}

/** The programs that vm-image calls, and their packages. */
const imagePrograms: Record<string, string> = {
  mmdebstrap: 'mmdebstrap',
  'dpkg-deb': 'dpkg',
  mke2fs: 'e2fsprogs',
  cpio: 'cpio',
  zstd: 'zstd',
  strip: 'binutils',
  depmod: 'kmod',
};

/** What is missing to build the machine's image. */
export function missingForImage({ env }: Surroundings): Need {
  const folders = [...(env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  const missing = Object.keys(imagePrograms).filter(name => !folders.some(folder => existsSync(`${folder}/${name}`)));
  return { programs: missing, packages: [...new Set(missing.map(name => imagePrograms[name] ?? name))] };
}

/** The one command to type, on systems that we know; undefined elsewhere. */
export function installCommand(
  packages: string[],
  platform = process.platform,
  osRelease = readOsRelease(),
): string | undefined {
  if (platform === 'darwin') return 'brew install qemu';
  if (platform === 'win32') return 'winget install --id SoftwareFreedomConservancy.QEMU';
  if (/^ID(_LIKE)?=.*(debian|ubuntu)/m.test(osRelease)) {
    return `sudo apt-get install --no-install-recommends ${packages.join(' ')}`;
  }
  if (/^ID(_LIKE)?=.*(fedora|rhel)/m.test(osRelease)) return 'sudo dnf install qemu-system-x86-core';
  if (/^ID(_LIKE)?=.*arch/m.test(osRelease)) return 'sudo pacman -S qemu-base';
  return undefined;
}

function readOsRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8');
  } catch {
    return '';
  }
}

/** Installs what is missing where we may (Debian or Ubuntu, as root). @throws unavailable with the one command to type elsewhere. */
export async function ensurePackages(need: Need, around: Surroundings): Promise<void> {
  if (need.packages.length === 0) return;
  const command = installCommand(need.packages);
  const what = `${need.programs.join(', ')} ${need.programs.length === 1 ? 'is' : 'are'} not installed`;
  if (process.getuid?.() !== 0 || !command?.includes('apt-get')) {
    throw unavailable(command ? `${what}. Type: ${command}` : `${what}: install it with your system's package program`);
  }
  around.tell(`installing ${need.packages.join(' ')}`);
  const arguments_ = ['install', '--yes', '--no-install-recommends', ...need.packages];
  if (await aptGet(arguments_)) return;
  await aptGet(['update']);
  if (!(await aptGet(arguments_))) throw unavailable(`${what}, and apt-get cannot install it: the lines above say why`);
}

/** True when it succeeded. Its words go to standard error: standard output is for results. */
function aptGet(args: string[]): Promise<boolean> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const child = spawn('apt-get', ['-q', ...args], { stdio: ['ignore', 2, 2], env });
  return new Promise(resolve => {
    child.on('error', () => resolve(false));
    child.on('close', code => resolve(code === 0));
  });
}
