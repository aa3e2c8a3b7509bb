import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { notFound } from '../../../../contracts/errors.ts';
import type { Arch } from '../../image.ts';

export type Accelerator = 'kvm' | 'hvf' | 'whpx' | 'tcg';

export interface QemuVersion {
  major: number;
  minor: number;
  patch: number;
}

export interface Qemu {
  program: string;
  version: QemuVersion;
}

const programs: Record<Arch, string> = { amd64: 'qemu-system-x86_64', arm64: 'qemu-system-aarch64' };

/** Where installers put QEMU without telling PATH. */
const usualFolders: Partial<Record<NodeJS.Platform, string[]>> = {
  darwin: ['/opt/homebrew/bin', '/usr/local/bin', '/opt/local/bin'],
  win32: ['C:\\Program Files\\qemu'],
};

/** The QEMU program for guests of `arch`, from BERTH_QEMU, PATH or where installers put it; undefined when there is none. */
export function findQemuProgram(arch: Arch, env: NodeJS.ProcessEnv, platform = process.platform): string | undefined {
  if (env.BERTH_QEMU) return env.BERTH_QEMU;
  const name = platform === 'win32' ? `${programs[arch]}.exe` : programs[arch];
  const folders = [...(env.PATH ?? '').split(delimiter), ...(usualFolders[platform] ?? [])];
  return folders.map(folder => join(folder, name)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The version in `QEMU emulator version 7.2.22 (Debian …)`. */
export function parseQemuVersion(text: string): QemuVersion | undefined {
  const [, major, minor, patch] = /version (\d+)\.(\d+)\.(\d+)/.exec(text) ?? [];
  return major && minor && patch ? { major: Number(major), minor: Number(minor), patch: Number(patch) } : undefined;
}

export const versionText = ({ major, minor, patch }: QemuVersion): string => `${major}.${minor}.${patch}`;

/** Asks QEMU for its version. @throws not-found when there is no QEMU that runs. */
export async function openQemu(arch: Arch, env: NodeJS.ProcessEnv): Promise<Qemu> {
  const program = findQemuProgram(arch, env);
  if (!program) throw notFound(`${programs[arch]} is not installed`);
  const { stdout } = await promisify(execFile)(program, ['--version'], { timeout: 10_000 });
  const version = parseQemuVersion(stdout);
  if (!version) throw notFound(`${program} does not tell its version: ${stdout.slice(0, 80)}`);
  return { program, version };
}
