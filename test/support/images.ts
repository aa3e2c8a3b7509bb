import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { chmod, copyFile, link, mkdir, mkdtemp, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { succeed } from './command.ts';
import { fetchPackages } from './peer.ts';

/** Images that the tests made before are kept here, as docker-archives. */
const cache = process.env.BERTH_TEST_CACHE ?? join(homedir(), '.cache/berth-test');

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

interface ImageSettings {
  name: string;
  config: Record<string, unknown>;
  architecture?: 'amd64' | 'arm64';
}

const ownArchitecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
/** The one that this machine is not of. */
export const otherArchitecture = ownArchitecture === 'arm64' ? 'amd64' : 'arm64';

/** Writes a docker-archive (what `docker save` writes) of layers that are tars. */
export async function writeArchive(layers: readonly string[], settings: ImageSettings, output: string): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'berth-archive-'));
  try {
    const diffIds: string[] = [];
    for (const layer of layers) {
      const diffId = await digestOf(layer);
      diffIds.push(diffId);
      await mkdir(join(work, diffId));
      await link(layer, join(work, diffId, 'layer.tar')).catch(() => copyFile(layer, join(work, diffId, 'layer.tar')));
    }
    const config = JSON.stringify({
      architecture: settings.architecture ?? ownArchitecture,
      os: 'linux',
      created: '2026-01-01T00:00:00Z',
      config: settings.config,
      rootfs: { type: 'layers', diff_ids: diffIds.map(diffId => `sha256:${diffId}`) },
      history: diffIds.map(() => ({ created: '2026-01-01T00:00:00Z', created_by: 'made for the tests' })),
    });
    const configName = `${createHash('sha256').update(config).digest('hex')}.json`;
    await writeFile(join(work, configName), config);
    const files = diffIds.map(diffId => `${diffId}/layer.tar`);
    const manifest = [{ Config: configName, RepoTags: [settings.name], Layers: files }];
    await writeFile(join(work, 'manifest.json'), JSON.stringify(manifest));
    await succeed('tar', ['-cf', `${output}.new`, '-C', work, 'manifest.json', configName, ...diffIds], {
      timeoutMs: 120_000,
    });
    await rename(`${output}.new`, output);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const cached = async (file: string, make: (path: string) => Promise<void>): Promise<string> => {
  const path = join(cache, file);
  if (!existsSync(path)) {
    await mkdir(cache, { recursive: true });
    await make(path);
  }
  return path;
};

async function layOutBusybox(root: string, busybox: string): Promise<void> {
  for (const folder of ['bin', 'etc', 'tmp', 'root', 'proc', 'sys', 'dev', 'var', 'home'])
    await mkdir(join(root, folder));
  await chmod(join(root, 'tmp'), 0o1777);
  await copyFile(busybox, join(root, 'bin/busybox'));
  await chmod(join(root, 'bin/busybox'), 0o755);
  const applets = (await succeed('/bin/busybox', ['--list'])).trim().split('\n');
  for (const applet of applets) if (applet !== 'busybox') await symlink('busybox', join(root, 'bin', applet));
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home:/bin/sh\n');
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nuser:x:1000:\nextra:x:2000:user\n');
}

/** A docker-archive of a busybox with a link for each applet. */
async function writeBusybox(busybox: string, settings: Omit<ImageSettings, 'config'>, output: string): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'berth-busybox-'));
  await layOutBusybox(root, busybox);
  const layer = `${output}.layer.tar`;
  const owners = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0'];
  await succeed('tar', ['-cf', layer, ...owners, '-C', root, '.']);
  await writeArchive([layer], { ...settings, config: { Cmd: ['sh'], Env: ['PATH=/bin'] } }, output);
  await rm(layer);
  await rm(root, { recursive: true });
}

/** Debian's static busybox: `busybox:latest`, 2 MB. */
export const busyboxArchive = (): Promise<string> =>
  cached('busybox.tar', output => writeBusybox('/bin/busybox', { name: 'busybox:latest' }, output));

/** The same for the other architecture: `foreign:latest`. */
export const foreignArchive = (): Promise<string> =>
  cached('foreign.tar', async output => {
    const packages = join(cache, `busybox-${otherArchitecture}`);
    if (!existsSync(packages)) await fetchPackages('trixie', ['busybox-static'], packages, otherArchitecture);
    const settings = { name: 'foreign:latest', architecture: otherArchitecture } as const;
    await writeBusybox(join(packages, 'usr/bin/busybox'), settings, output);
  });

/** A Debian root by mmdebstrap with some of its packages, as an image of that name. */
const debianArchive = (name: string, packages: string): Promise<string> =>
  cached(`${name}.tar`, async output => {
    const layer = `${output}.layer.tar`;
    const mirror = process.env.BERTH_DEBIAN_MIRROR ?? 'http://deb.debian.org/debian';
    await succeed(
      'mmdebstrap',
      [
        '--variant=minbase',
        `--include=${packages}`,
        '--aptopt=APT::Install-Recommends "false"',
        '--keyring=/usr/share/keyrings/debian-archive-keyring.gpg',
        // no device nodes: they are the runtime's business
        '--skip=output/dev',
        'trixie',
        layer,
        mirror,
      ],
      { timeoutMs: 900_000 },
    );
    const config = { Cmd: ['bash'], Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'] };
    await writeArchive([layer], { name: `${name}:latest`, config }, output);
    await rm(layer);
  });

/** python3, curl and ps, some 200 MB: `debian-python:latest`. */
export const pythonArchive = (): Promise<string> =>
  debianArchive('debian-python', 'python3,curl,procps,iproute2,ca-certificates');

/** What programs are built with: a C compiler and make, Node and Python, some 450 MB: `debian-toolchains:latest`. */
export const toolchainsArchive = (): Promise<string> =>
  debianArchive('debian-toolchains', 'gcc,libc6-dev,make,nodejs,python3');

/** A web server, PostgreSQL and Python with its client, some 300 MB: `debian-services:latest`. */
export const servicesArchive = (): Promise<string> =>
  debianArchive('debian-services', 'nginx-light,postgresql,python3,python3-psycopg2,procps');

/** Size of a file in bytes. */
export const sizeOf = async (path: string): Promise<number> => (await stat(path)).size;
