import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { type Architecture, architectures } from './contents.ts';
import { writeInitramfs } from './steps/initramfs.ts';
import { writeKernel, writeModules } from './steps/kernel.ts';
import { unpackPackages } from './steps/packages.ts';
import { layOutRoot, writeRootImage } from './steps/root-filesystem.ts';
import { run } from './steps/run.ts';

/** A file of the image. */
export interface ImageFile {
  sha256: string;
  size: number;
}

/** `image.json`: what an image is and how its kernel wants to be started. */
export interface ImageManifest {
  version: 1;
  arch: Architecture;
  /** Of the three files together: the same inputs give the same digest. */
  digest: string;
  kernel: string;
  cmdline: string;
  files: Record<'vmlinux' | 'initramfs' | 'root', ImageFile>;
}

const names = { vmlinux: 'vmlinux', initramfs: 'initramfs', root: 'root.ext4' } as const;

/** Every time stamp of the image: what is built from the same files must be the same file. */
const epoch = 1735689600;

async function describe(path: string): Promise<ImageFile> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return { sha256: hash.digest('hex'), size: (await stat(path)).size };
}

/**
 * Builds the machine image into `output`: `vmlinux`, `initramfs`, `root.ext4`, `image.json`. A finished image appears
 * as a whole; a build that was cut off leaves the old one.
 */
export async function buildImage(options: {
  arch: Architecture;
  output: string;
  cache: string;
  report(line: string): void;
}): Promise<ImageManifest> {
  const { arch, output, cache, report } = options;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(tmpdir(), 'berth-image-'));
  try {
    await run(process.execPath, [join(import.meta.dirname, '../scripts/build.ts')]);
    report('unpacking Debian packages');
    const { directory: packages } = await unpackPackages(arch, work, report);
    const result = join(work, 'image');
    const root = join(work, 'root');
    await mkdir(result);
    report('laying out the root file system');
    await layOutRoot(arch, packages, root, cache);
    const kernel = await writeKernel(arch, packages, join(result, names.vmlinux));
    const rootModulePaths = await writeModules(packages, kernel, root, arch);
    await writeInitramfs(packages, rootModulePaths, join(result, names.initramfs));
    report('writing the root file system');
    await writeRootImage(root, join(result, names.root), epoch);
    for (const line of await sizes(root)) report(`  ${line}`);
    const manifest = await describeImage(arch, kernel, result);
    await writeFile(join(result, 'image.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    await publish(result, output);
    report(`image ${manifest.digest.slice(0, 12)} (${arch}, Linux ${kernel})`);
    return manifest;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * What an emulated boot can do without: the kernel's tests of its own ciphers (0.3 s of emulated processor time, beside a
 * bare boot's 2 s) and its search for a keyboard and a mouse (0.15 s).
 */
const quick = 'cryptomgr.notests i8042.nokbd i8042.noaux';

async function describeImage(arch: Architecture, kernel: string, directory: string): Promise<ImageManifest> {
  const [vmlinux, initramfs, root] = await Promise.all(
    [names.vmlinux, names.initramfs, names.root].map(name => describe(join(directory, name))),
  );
  if (!vmlinux || !initramfs || !root) throw new Error('The image is not whole');
  const digest = createHash('sha256')
    .update([vmlinux, initramfs, root].map(file => file.sha256).join('\n'))
    .digest('hex');
  const console = arch === 'amd64' ? 'ttyS0' : 'ttyAMA0';
  const cmdline = `console=${console} quiet loglevel=4 panic=1 reboot=t apparmor=1 ${quick}`;
  return { version: 1, arch, digest, kernel, cmdline, files: { vmlinux, initramfs, root } };
}

/** What is in the root file system, the largest first, in megabytes. */
async function sizes(root: string): Promise<string[]> {
  const parts = ['usr/lib/berth/node', 'usr/lib/modules', 'usr/lib/berth', 'usr/lib', 'usr/bin', 'usr/sbin', '.'];
  const printed = await Promise.all(parts.map(part => run('du', ['-sk', '--apparent-size', join(root, part)])));
  return printed.map(
    (line, index) => `${(Number(line.split(/\s/)[0]) / 1024).toFixed(1).padStart(6)} MB  ${parts[index]}`,
  );
}

async function publish(from: string, output: string): Promise<void> {
  await mkdir(join(output, '..'), { recursive: true });
  const fresh = `${output}.new`;
  await rm(fresh, { recursive: true, force: true });
  await run('cp', ['--recursive', '--sparse=always', from, fresh]);
  await run('sync', ['--file-system', fresh]);
  await rm(`${output}.old`, { recursive: true, force: true });
  await rename(output, `${output}.old`).catch(error => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(fresh, output);
  await rm(`${output}.old`, { recursive: true, force: true });
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      arch: { type: 'string', default: process.arch === 'arm64' ? 'arm64' : 'amd64' },
      output: { type: 'string' },
      cache: { type: 'string', default: join(tmpdir(), 'berth-image-cache') },
    },
  });
  const arch = values.arch;
  if (!(arch in architectures) || !values.output) {
    process.stderr.write('usage: build.ts [--arch amd64|arm64] --output DIR [--cache DIR]\n');
    process.exit(2);
  }
  await buildImage({
    arch: arch as Architecture,
    output: values.output,
    cache: values.cache,
    report: line => process.stdout.write(`${line}\n`),
  });
}
