import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { unavailable } from '../../contracts/errors.ts';
import { type Arch, findQemuProgram, ownArch } from '../machine/index.ts';
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

/** The programs and files that vm-image uses, and their packages. A test compares them with what it calls. */
export const imageNeeds: Record<string, string> = {
  mmdebstrap: 'mmdebstrap',
  mke2fs: 'e2fsprogs',
  debugfs: 'e2fsprogs',
  xz: 'xz-utils',
  strip: 'binutils',
  depmod: 'kmod',
  '/usr/share/keyrings/debian-archive-keyring.gpg': 'debian-archive-keyring',
};

/** For a machine of another architecture; for owners in its file system that somebody who is not root is not. */
const armStrip = { 'aarch64-linux-gnu-strip': 'binutils-aarch64-linux-gnu' };
const otherOwners = { fakeroot: 'fakeroot' };

/** What is missing to build the machine's image. */
export function missingForImage({ env }: Surroundings, arch: Arch = ownArch()): Need {
  const needs: Record<string, string> = {
    ...imageNeeds,
    ...(arch === 'arm64' && ownArch() !== arch ? armStrip : {}),
    ...(process.getuid?.() === 0 ? {} : otherOwners),
  };
  const folders = [...(env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  const isThere = (name: string): boolean =>
    name.startsWith('/') ? existsSync(name) : folders.some(folder => existsSync(`${folder}/${name}`));
  const missing = Object.keys(needs).filter(name => !isThere(name));
  return { programs: missing, packages: [...new Set(missing.map(name => needs[name] ?? name))] };
}

/** The libraries that the engine loads, and their packages. */
const engineLibraries: Record<string, string> = {
  'libseccomp.so.2': 'libseccomp2',
  'libnftables.so.1': 'libnftables1',
};

/** What is missing to run the engine on this computer itself. `libraries`: what the dynamic loader finds. */
export function missingForNative(libraries = loadableLibraries()): Need {
  const missing = libraries ? Object.keys(engineLibraries).filter(name => !libraries.includes(`\t${name} `)) : [];
  return { programs: missing, packages: missing.map(name => engineLibraries[name] ?? name) };
}

/** ldconfig(8)'s list; undefined where there is none, as on NixOS: then the engine itself says what it misses. */
function loadableLibraries(): string | undefined {
  const folders = ['/sbin', '/usr/sbin'].map(folder => `${folder}/ldconfig`).filter(path => existsSync(path));
  const { status, stdout } = spawnSync(folders[0] ?? 'ldconfig', ['-p'], { encoding: 'utf8' });
  return status === 0 ? stdout : undefined;
}

/** Both at once: one command to type, not two. */
export const together = (...needs: Need[]): Need => ({
  programs: needs.flatMap(({ programs }) => programs),
  packages: [...new Set(needs.flatMap(({ packages }) => packages))],
});

/** Elsewhere they have other names. */
const otherNames: Record<'dnf' | 'pacman', Record<string, string>> = {
  dnf: {
    'qemu-system-x86': 'qemu-system-x86-core',
    'qemu-system-arm': 'qemu-system-aarch64-core',
    libseccomp2: 'libseccomp',
    libnftables1: 'nftables',
  },
  pacman: {
    'qemu-system-x86': 'qemu-system-x86',
    'qemu-system-arm': 'qemu-system-aarch64',
    libseccomp2: 'libseccomp',
    libnftables1: 'nftables',
  },
};

const namesFor = (program: 'dnf' | 'pacman', packages: string[]): string =>
  packages.map(name => otherNames[program][name] ?? name).join(' ');

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
  if (/^ID(_LIKE)?=.*(fedora|rhel)/m.test(osRelease)) return `sudo dnf install ${namesFor('dnf', packages)}`;
  if (/^ID(_LIKE)?=.*arch/m.test(osRelease)) return `sudo pacman -S ${namesFor('pacman', packages)}`;
  return undefined;
}

function readOsRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8');
  } catch {
    return '';
  }
}

/** What to do about packages that are missing. */
export type Remedy = 'nothing' | { aptGet: string[] } | { refusal: string };

/** Installs where we may (Debian or Ubuntu, as root), else there is one command to type. */
export function remedyFor(need: Need, isRoot: boolean, command: string | undefined): Remedy {
  if (need.packages.length === 0) return 'nothing';
  if (isRoot && command?.includes('apt-get')) {
    return { aptGet: ['install', '--yes', '--no-install-recommends', ...need.packages] };
  }
  const what = notInstalled(need);
  return {
    refusal: command ? `${what}. Type: ${command}` : `${what}: install that with your system's package program`,
  };
}

const notInstalled = ({ programs }: Need): string =>
  `${programs.join(', ')} ${programs.length === 1 ? 'is' : 'are'} not installed`;

/** Installs what is missing where we may. @throws unavailable with the one command to type elsewhere. */
export async function ensurePackages(need: Need, around: Surroundings): Promise<void> {
  const remedy = remedyFor(need, process.getuid?.() === 0, installCommand(need.packages));
  if (remedy === 'nothing') return;
  if ('refusal' in remedy) throw unavailable(remedy.refusal);
  around.tell(`installing ${need.packages.join(' ')}`);
  if (await aptGet(remedy.aptGet)) return;
  await aptGet(['update']);
  if (await aptGet(remedy.aptGet)) return;
  throw unavailable(`${notInstalled(need)}, and apt-get cannot install that: the lines above say why`);
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
