import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.ts';

const project = join(import.meta.dirname, '../..');

interface NpmLock {
  packages: Record<string, { version: string; integrity: string }>;
}

/**
 * The folder of a package that the lock file pins: the installed one, or, for another architecture's, one fetched from
 * the registry, checked against the lock's integrity and unpacked.
 */
export async function npmPackage(name: string, cache: string): Promise<string> {
  const installed = join(project, 'node_modules', name);
  if (existsSync(installed)) return installed;
  const lock = JSON.parse(await readFile(join(project, 'package-lock.json'), 'utf8')) as NpmLock;
  const locked = lock.packages[`node_modules/${name}`];
  if (!locked) throw new Error(`package-lock.json does not name ${name}`);
  const directory = join(cache, 'npm', `${name.replace('/', '-')}-${locked.version}`);
  const unpacked = join(directory, 'package');
  if (existsSync(join(unpacked, 'package.json'))) return unpacked;
  await mkdir(directory, { recursive: true });
  const packed = JSON.parse(
    await run('npm', ['pack', `${name}@${locked.version}`, '--json', '--pack-destination', directory], {
      cwd: directory,
    }),
  ) as { filename: string }[];
  const file = join(directory, packed[0]?.filename.replace('@', '').replace('/', '-') ?? '');
  const integrity = `sha512-${createHash('sha512')
    .update(await readFile(file))
    .digest('base64')}`;
  if (integrity !== locked.integrity) throw new Error(`${name} is not the package of the lock file: ${integrity}`);
  await run('tar', ['-xzf', file, '-C', directory]);
  return unpacked;
}
