import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Architecture, packagesOf } from '../contents.ts';
import { run } from './run.ts';

const suite = 'trixie';
const mirror = process.env.BERTH_DEBIAN_MIRROR ?? 'http://deb.debian.org/debian';
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** One package as it was used: exact version, digest of the .deb. */
export interface LockedPackage {
  name: string;
  version: string;
  sha256: string;
}

/** `packages.lock`: for each architecture the packages of its image, sorted by name. */
export type PackagesLock = Partial<Record<Architecture, LockedPackage[]>>;

const lockPath = join(import.meta.dirname, '..', 'packages.lock');

async function readLock(): Promise<PackagesLock> {
  return existsSync(lockPath) ? (JSON.parse(await readFile(lockPath, 'utf8')) as PackagesLock) : {};
}

/** `busybox-static_1%3a1.37.0-6_amd64.deb` and its digest, as sha256sum prints them. */
function toLocked(line: string): LockedPackage {
  const [sha256 = '', file = ''] = line.split(/\s+/);
  const [name = '', version = ''] = file.split('_');
  return { name, version: decodeURIComponent(version), sha256 };
}

async function bootstrap(
  architecture: Architecture,
  include: string[],
  tar: string,
  sums: string,
): Promise<LockedPackage[]> {
  await run('mmdebstrap', [
    '--variant=extract',
    // nothing of the packages is run, so that whoever is not root needs neither user namespaces nor a fake root for it
    ...(process.getuid?.() === 0 ? [] : ['--mode=chrootless']),
    `--architectures=${architecture}`,
    `--include=${include.join(',')}`,
    '--aptopt=APT::Install-Recommends "false"',
    `--keyring=${keyring}`,
    // mmdebstrap downloads and unpacks under one root, so that the packages can be read before they are thrown away
    `--extract-hook=cd "$1/var/cache/apt/archives" && sha256sum *.deb > '${sums}'`,
    suite,
    tar,
    mirror,
  ]);
  const lines = (await readFile(sums, 'utf8')).trim().split('\n');
  return lines.map(toLocked).sort((a, b) => (a.name < b.name ? -1 : 1));
}

const text = ({ name, version, sha256 }: LockedPackage): string => `${name} ${version} ${sha256}`;

function differences(before: LockedPackage[], after: LockedPackage[]): string[] {
  const old = new Set(before.map(text));
  const now = new Set(after.map(text));
  return [
    ...before.filter(locked => !now.has(text(locked))).map(locked => `- ${text(locked)}`),
    ...after.filter(locked => !old.has(text(locked))).map(locked => `+ ${text(locked)}`),
  ];
}

/**
 * Debian's packages, unpacked into a folder, at the versions of `packages.lock`. Where the mirror has dropped one of
 * them, all are locked again and the differences are reported: a security update must not stop a build.
 */
export async function unpackPackages(
  architecture: Architecture,
  work: string,
  report: (line: string) => void,
): Promise<{ directory: string; packages: LockedPackage[] }> {
  const tar = join(work, 'packages.tar');
  const sums = join(work, 'packages.sha256');
  const lock = await readLock();
  const locked = lock[architecture] ?? [];
  const packages = await bootstrapLocked(locked, architecture, tar, sums, report);
  const changed = differences(locked, packages);
  if (changed.length > 0) {
    report(`packages.lock: ${architecture} was locked again`);
    for (const line of changed) report(`  ${line}`);
    await writeFile(lockPath, `${JSON.stringify({ ...lock, [architecture]: packages }, null, 2)}\n`).catch(error =>
      report(`packages.lock could not be written: ${error.message}`),
    );
  }
  const directory = join(work, 'packages');
  await mkdir(directory, { recursive: true });
  await run('tar', ['-xf', tar, '-C', directory, '--no-same-owner', '--exclude=./dev/*']);
  await rm(tar);
  return { directory, packages };
}

async function bootstrapLocked(
  locked: LockedPackage[],
  architecture: Architecture,
  tar: string,
  sums: string,
  report: (line: string) => void,
): Promise<LockedPackage[]> {
  if (locked.length > 0) {
    try {
      return await bootstrap(
        architecture,
        locked.map(({ name, version }) => `${name}=${version}`),
        tar,
        sums,
      );
    } catch (error) {
      if (!/was not found|has no installation candidate|Unable to locate/.test(String(error))) throw error;
      report(
        `the mirror no longer has every locked version: ${
          String(error)
            .split('\n')
            .find(line => line.startsWith('E:')) ?? ''
        }`,
      );
    }
  }
  return bootstrap(architecture, packagesOf(architecture), tar, sums);
}
