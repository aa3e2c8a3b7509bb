import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../../base/log.ts';
import { own } from '../../base/own.ts';
import { mountFilesystem } from '../syscalls/mount.ts';

/** How the kernel knows the programs of an architecture: class, byte order and machine of their ELF header. */
interface Emulated {
  /** QEMU's name. */
  name: string;
  bits: 32 | 64;
  machine: number;
}

/** By Go's name. */
const emulated: Readonly<Record<string, Emulated>> = {
  amd64: { name: 'x86_64', bits: 64, machine: 0x3e },
  arm64: { name: 'aarch64', bits: 64, machine: 0xb7 },
};

/**
 * Lets the kernel start programs of `architecture`, if this machine has an emulator for them. The first container of that
 * kind pays for it, and no boot: Debian's kernel has `binfmt_misc` as a module. Containers need no file of it: the emulator is opened here and now
 * (flag F). A host is never touched: what it emulates is its owner's affair.
 */
export function ensureEmulation(architecture: string, { execRoot, log }: { execRoot: string; log: Log }): void {
  const wanted = own(emulated, architecture);
  const emulator = wanted && `/usr/bin/qemu-${wanted.name}`;
  const binfmt = join(execRoot, 'binfmt');
  if (!wanted || !emulator || !existsSync(emulator) || existsSync(join(binfmt, wanted.name))) return;
  try {
    mountBinfmt(binfmt);
    if (!existsSync(join(binfmt, wanted.name)))
      writeFileSync(join(binfmt, 'register'), registrationOf(wanted, emulator));
  } catch (error) {
    log.warn('programs of another architecture cannot be started', { architecture, error });
  }
}

function mountBinfmt(target: string): void {
  if (existsSync(join(target, 'register'))) return;
  mkdirSync(target, { recursive: true, mode: 0o700 });
  spawnSync('modprobe', ['binfmt_misc']); // busybox's does not load it by the name that the kernel asks for
  mountFilesystem({ source: 'binfmt_misc', target, type: 'binfmt_misc', flags: 0, data: '' });
}

const hex = (bytes: readonly number[]): string =>
  bytes.map(byte => `\\x${byte.toString(16).padStart(2, '0')}`).join('');

/**
 * A line for `register` (Linux, admin-guide/binfmt-misc.rst). Little endian, executables and position-independent ones, any
 * ABI. P: the emulator is told argv[0]; O and C: it gets the program open, and with the program's own rights; F: see above.
 */
export function registrationOf({ name, bits, machine }: Emulated, emulator: string): string {
  const magic = [0x7f, 0x45, 0x4c, 0x46, bits / 32, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, machine, 0];
  const mask = magic.map((_, at) => (at === 7 ? 0 : at === 16 ? 0xfe : 0xff));
  return `:${name}:M::${hex(magic)}:${hex(mask)}:${emulator}:POCF`;
}
