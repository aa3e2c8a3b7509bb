import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { type Architecture, modules, rootModules } from '../contents.ts';
import { run } from './run.ts';

const zstdMagic = 0xfd2fb528;

/**
 * The ELF kernel inside a bzImage: QEMU starts it through its PVH entry, without the real-mode detour and without
 * unpacking it in the guest. Offsets: Documentation/arch/x86/boot.rst, `setup_sects`, `payload_offset`, `payload_length`.
 * @throws Error when the payload is not compressed with zstd.
 */
export function extractVmlinux(bzImage: Buffer): Buffer {
  const setupSectors = bzImage.readUInt8(0x1f1) || 4;
  const start = (setupSectors + 1) * 512 + bzImage.readUInt32LE(0x248);
  // the last four bytes are the size of the unpacked kernel, not a part of the stream
  const payload = bzImage.subarray(start, start + bzImage.readUInt32LE(0x24c) - 4);
  if (payload.readUInt32LE(0) !== zstdMagic) throw new Error('The kernel is not compressed with zstd');
  return zstdDecompressSync(payload);
}

const only = (names: string[], start: string): string => {
  const found = names.find(name => name.startsWith(start));
  if (!found) throw new Error(`The kernel package has no ${start}`);
  return found;
};

/** Writes the kernel as QEMU starts it; returns its release, as uname(2) tells it. */
export async function writeKernel(architecture: Architecture, packages: string, output: string): Promise<string> {
  const boot = join(packages, 'boot');
  const name = only(await readdir(boot), 'vmlinuz-');
  const kernel = await readFile(join(boot, name));
  await writeFile(output, architecture === 'amd64' ? extractVmlinux(kernel) : kernel);
  return name.slice('vmlinuz-'.length);
}

const moduleName = (path: string): string =>
  basename(path)
    .replace(/\.ko(\.xz)?$/, '')
    .replaceAll('-', '_');

/** `modules.dep` as a map from a module's name to its path and those of what it needs. */
function readDependencies(text: string): Map<string, string[]> {
  const lines = text
    .trim()
    .split('\n')
    .map(line => line.split(/[:\s]+/).filter(Boolean));
  return new Map(lines.map(([path = '', ...needs]) => [moduleName(path), [path, ...needs]]));
}

/**
 * Copies the modules that the machine uses, unpacked (a TCG guest would spend a second on xz), with the tables that
 * modprobe reads. Returns the paths of those that the initramfs needs, in the order to load them.
 */
export async function writeModules(
  packages: string,
  release: string,
  root: string,
  wanted: Architecture,
): Promise<string[]> {
  const source = join(packages, 'usr/lib/modules', release);
  await run('depmod', ['-b', join(packages, 'usr'), release]);
  const dependencies = readDependencies(await readFile(join(source, 'modules.dep'), 'utf8'));
  const pathsOf = (name: string): string[] => dependencies.get(name.replaceAll('-', '_')) ?? [];
  const names = wanted === 'amd64' ? modules : modules.filter(name => !name.startsWith('hv_'));
  const chosen = new Set([...rootModules, ...names].flatMap(pathsOf));
  const missing = [...rootModules, ...names].filter(name => pathsOf(name).length === 0);
  const builtIn = new Set((await readFile(join(source, 'modules.builtin'), 'utf8')).split('\n').map(moduleName));
  const unknown = missing.filter(name => !builtIn.has(name.replaceAll('-', '_')));
  if (unknown.length > 0) throw new Error(`The kernel has no module ${unknown.join(', ')}`);
  const target = join(root, 'usr/lib/modules', release);
  for (const path of chosen) await copyModule(join(source, path), join(target, path));
  for (const table of ['modules.builtin', 'modules.order']) await copyFile(join(source, table), join(target, table));
  await run('depmod', ['-b', join(root, 'usr'), release]);
  return rootModules.flatMap(name => pathsOf(name).toReversed()).map(path => join(target, path.replace(/\.xz$/, '')));
}

async function copyModule(source: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await copyFile(source, target);
  if (target.endsWith('.xz')) await run('xz', ['--decompress', '--force', target]);
}
