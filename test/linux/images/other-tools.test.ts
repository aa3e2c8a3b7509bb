import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NativeEngine, startNativeEngine } from '../../support/engine.ts';
import { busyboxArchive } from '../../support/images.ts';
import { type Registry, startRegistry } from '../../support/registry.ts';
import { canRun } from '../archive/fixture.ts';

function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    if (canRun) console.warn(`skipped, images from and to ${program}: it is not installed`);
    return false;
  }
}

/** What they write we read, and what we write they read; an image is the same one when its configuration has the same digest. */
describe.skipIf(!canRun)('images from and to other tools', { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-tools-'));
  const at = (name: string): string => join(folder, name);
  let engine: NativeEngine;
  let registry: Registry;
  let id: string;

  beforeAll(async () => {
    [engine, registry] = await Promise.all([startNativeEngine(), startRegistry()]);
    await engine.docker('load', '-q', '-i', await busyboxArchive());
    await engine.docker(
      'run',
      '--name',
      'changed',
      '--network',
      'none',
      'busybox',
      'sh',
      '-c',
      'rm /bin/wget; echo new > /new',
    );
    await engine.docker('commit', 'changed', 'ours');
    id = await idOf('ours');
    await engine.docker('save', '-o', at('ours.tar'), 'ours');
    await engine.docker('tag', 'ours', `${registry.host}/ours:1`);
    await engine.docker('push', '-q', `${registry.host}/ours:1`);
  });
  afterAll(async () => {
    await Promise.all([engine?.stop(), registry?.stop()]);
    rmSync(folder, { recursive: true, force: true });
  });

  const idOf = async (name: string): Promise<string> =>
    (await engine.docker('image', 'inspect', '-f', '{{.Id}}', name)).trim();
  const run = (program: string, ...args: string[]): string => execFileSync(program, args).toString().trim();
  /** The same for tools that know a daemon by its usual place alone: there they find ours. */
  const runAsClient = (...words: string[]): string => {
    const script = 'mount -t tmpfs none /run; ln -s "$0" /run/docker.sock; exec "$@"';
    return run('unshare', '--mount', '--propagation', 'private', 'sh', '-ec', script, engine.socket, ...words);
  };
  /** An archive that a tool has written, taken in where nothing of it is left. */
  const cameBack = async (archive: string): Promise<string> => {
    await engine.docker('rm', '-f', 'changed');
    await engine.docker('rmi', '-f', id);
    const loaded = /Loaded image(?: ID)?: (\S+)/.exec(await engine.docker('load', '-i', archive))?.[1] ?? '';
    expect(await engine.docker('run', '--rm', '--network', 'none', loaded, 'cat', '/new')).toBe('new\n');
    const back = await idOf(loaded);
    await engine.docker('tag', back, 'ours');
    return back;
  };

  it('skopeo: by the daemon, archives, layouts and the registry', async () => {
    const daemon = `unix://${engine.socket}`;
    const copy = (...args: string[]) => run('skopeo', 'copy', '--quiet', '--insecure-policy', ...args);
    for (const format of ['docker-archive', 'oci-archive', 'oci']) {
      const target = at(`skopeo-${format}`);
      copy('--src-daemon-host', daemon, 'docker-daemon:ours:latest', `${format}:${target}:ours:latest`);
      copy('--dest-daemon-host', daemon, `${format}:${target}:ours:latest`, `docker-daemon:back-${format}:1`);
      const config = JSON.parse(await engine.docker('image', 'inspect', `back-${format}:1`))[0];
      expect(config.RootFS).toEqual(JSON.parse(await engine.docker('image', 'inspect', 'ours'))[0].RootFS);
    }
    expect(await cameBack(at('skopeo-docker-archive'))).toBe(id);
    const remote = JSON.parse(
      run('skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${registry.host}/ours:1`),
    );
    expect(remote.config.digest).toBe(id);
  });

  it.skipIf(!has('podman'))('podman: both of its archives, and as a client', async () => {
    const words = ['podman', '--storage-driver', 'vfs', '--root', at('podman'), '--runroot', at('podman-run')];
    const podman = (...args: string[]) => runAsClient(...words, ...args);
    expect(podman('load', '-q', '-i', at('ours.tar'))).toContain('ours:latest');
    expect(podman('image', 'inspect', '-f', '{{.Id}}', 'ours')).toBe(id.slice('sha256:'.length));
    for (const format of ['docker-archive', 'oci-archive']) {
      podman('save', '-q', '--format', format, '-o', at(`podman-${format}`), 'ours');
      const back = await cameBack(at(`podman-${format}`));
      if (format === 'docker-archive') expect(back).toBe(id);
    }
    podman('rmi', '-f', 'ours');
    expect(podman('pull', '-q', 'docker-daemon:ours:latest')).toBe((await idOf('ours')).slice('sha256:'.length));
    podman('push', '-q', 'ours', 'docker-daemon:from-podman:1');
    expect(await engine.docker('run', '--rm', '--network', 'none', 'from-podman:1', 'cat', '/new')).toBe('new\n');
  });

  it.skipIf(!has('buildah'))('buildah: by the registry, with a layer of its own on ours', async () => {
    const words = ['buildah', '--storage-driver', 'vfs', '--root', at('buildah'), '--runroot', at('buildah-run')];
    const buildah = (...args: string[]) => runAsClient(...words, ...args);
    const container = buildah('from', '--tls-verify=false', `${registry.host}/ours:1`);
    writeFileSync(at('theirs'), 'theirs');
    buildah('copy', container, at('theirs'), '/theirs');
    for (const format of ['oci', 'docker']) {
      buildah('commit', '-q', '--format', format, container, `${registry.host}/theirs:${format}`);
      buildah('push', '-q', '--tls-verify=false', `${registry.host}/theirs:${format}`);
      const name = `${registry.host}/theirs:${format}`;
      await engine.docker('pull', '-q', name);
      const files = ['run', '--rm', '--network', 'none', name, 'cat', '/new', '/theirs'];
      expect(await engine.docker(...files)).toBe('new\ntheirs');
    }
    buildah('commit', '-q', container, 'docker-daemon:from-buildah:1');
    const files = ['run', '--rm', '--network', 'none', 'from-buildah:1', 'cat', '/new', '/theirs'];
    expect(await engine.docker(...files)).toBe('new\ntheirs');
    expect(buildah('pull', '-q', 'docker-daemon:from-buildah:1')).toMatch(/^[0-9a-f]{64}$/);
  });

  it.skipIf(!has('umoci'))('umoci: our archives are OCI layouts, and its own are loaded', async () => {
    mkdirSync(at('layout'));
    run('tar', '-xf', at('ours.tar'), '-C', at('layout'));
    run('umoci', 'unpack', '--image', `${at('layout')}:latest`, at('bundle'));
    expect(readFileSync(at('bundle/rootfs/new'), 'utf8')).toBe('new\n');
    expect(readlinkSync(at('bundle/rootfs/bin/sh'))).toBe('busybox');
    writeFileSync(at('bundle/rootfs/more'), 'more');
    run('umoci', 'repack', '--image', `${at('layout')}:repacked`, at('bundle'));
    run('umoci', 'rm', '--image', `${at('layout')}:latest`);
    for (const name of ['manifest.json', 'repositories']) rmSync(join(at('layout'), name), { force: true });
    run('tar', '-cf', at('repacked.tar'), '-C', at('layout'), '.');
    await cameBack(at('repacked.tar'));
    expect(await engine.docker('run', '--rm', '--network', 'none', 'ours', 'cat', '/more')).toBe('more');
  });
});
