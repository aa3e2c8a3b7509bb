import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type CpioEntry, packCpio } from '../../base/cpio.ts';

const directory = (path: string): CpioEntry => ({ path, mode: 0o755, kind: 'directory' });

/**
 * The initramfs: busybox, the modules that find the root file system, and a script. It is not compressed, since
 * the emulated guest would take longer to unpack it than the host takes to copy it.
 */
export async function writeInitramfs(packages: string, modules: readonly string[], output: string): Promise<void> {
  const file = async (path: string, source: string, mode: number): Promise<CpioEntry> => ({
    path,
    mode,
    kind: 'file',
    content: await readFile(source),
  });
  const entries = [
    ...['dev', 'proc', 'sys', 'bin', 'modules', 'root', 'berth'].map(directory),
    { path: 'dev/console', mode: 0o600, kind: 'device', device: { major: 5, minor: 1 } } satisfies CpioEntry,
    await file('bin/busybox', join(packages, 'usr/bin/busybox'), 0o755),
    await file('init', join(import.meta.dirname, '../files/initramfs-init'), 0o755),
    ...(await Promise.all(modules.map((module, index) => file(`modules/${index}-${basename(module)}`, module, 0o644)))),
  ];
  await writeFile(output, packCpio(entries));
}
