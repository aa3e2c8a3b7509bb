import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fuseRefusalAt } from '../../../guest-agent/snapshots/fuse-overlay.ts';
import { mountBtrfs, whyNoBtrfs } from '../../support/btrfs.ts';
import { type NativeEngine, startNativeEngine } from '../../support/engine.ts';
import { eventually } from '../../support/eventually.ts';
import { busyboxArchive } from '../../support/images.ts';
import { canRun } from '../archive/fixture.ts';

/** Runs what a user does on an engine without overlayfs. */
async function lifeOn(engine: NativeEngine, driver = 'vfs'): Promise<void> {
  const { docker } = engine;
  await docker('load', '-q', '-i', await busyboxArchive());
  expect(await docker('info', '--format', '{{.Driver}}')).toBe(`${driver}\n`);
  expect(await docker('run', '--rm', 'busybox', 'sh', '-c', 'echo x > /etc/motd; cat /etc/motd')).toBe('x\n');
  await docker('run', '--name', 'one', 'busybox', 'sh', '-c', 'rm /bin/wget; mkdir /new; echo y > /new/file');
  expect(await docker('diff', 'one')).toBe('C /bin\nD /bin/wget\nA /new\nA /new/file\n');
  expect(await docker('inspect', '--format', '{{.GraphDriver.Name}}|{{.Driver}}', 'one')).toBe(`${driver}|${driver}\n`);
  await docker('commit', 'one', 'changed');
  const look = 'cat /new/file; ls /bin/wget /bin/cat 2>/dev/null';
  expect(await docker('run', '--rm', 'changed', 'sh', '-c', `${look}; true`)).toBe('y\n/bin/cat\n');
  const dockerfile = 'FROM busybox\nRUN rm /bin/wget; echo z > /built\nRUN cat /built';
  const build = ['build', '-q', '-t', 'built', '-'];
  const env = { DOCKER_BUILDKIT: '0' };
  expect(await engine.tryDocker(build, { input: dockerfile, env })).toMatchObject({ code: 0 });
  expect(await docker('run', '--rm', 'built', 'sh', '-c', 'cat /built; ls /bin/wget; true')).toBe('z\n');
  expect((await engine.tryDocker(['cp', 'one:/new/file', '-'])).stdout).toContain('y');
  await engine.end();
  await engine.restart();
  expect(await docker('start', '-a', 'one')).toBe('');
  await docker('system', 'prune', '-af');
  expect(await docker('ps', '-aq')).toBe('');
}

const noBtrfs = whyNoBtrfs();
if (noBtrfs) console.log(`skipped, btrfs: ${noBtrfs}`);
const noFuse = canRun ? fuseRefusalAt(tmpdir()) : 'it needs root and Linux';
if (noFuse) console.log(`skipped, fuse-overlayfs: ${noFuse}`);

describe.skipIf(!canRun)('the storage driver', { timeout: 60_000 }, () => {
  it('is vfs where that is asked for', async () => {
    const engine = await startNativeEngine({ 'storage-driver': 'vfs' });
    try {
      await lifeOn(engine);
    } finally {
      await engine.stop();
    }
  });

  it.skipIf(noFuse)('is fuse-overlayfs where that is asked for, and serves containers while they run', async () => {
    const engine = await startNativeEngine({ 'storage-driver': 'fuse-overlayfs' });
    const served = () =>
      readFileSync('/proc/self/mounts', 'utf8').split(`${engine.root}/snapshots/containers/`).length - 1;
    try {
      await lifeOn(engine, 'fuse-overlayfs');
      await engine.docker('load', '-q', '-i', await busyboxArchive());
      expect(served()).toBe(0);
      await engine.docker('run', '-d', '--name', 'two', '--user', '1000', 'busybox', 'sleep', '1000');
      await engine.kill();
      await engine.restart();
      expect(await engine.docker('exec', 'two', 'sh', '-c', 'echo here > /tmp/x; cat /tmp/x')).toBe('here\n');
      expect(served()).toBe(1);
      await engine.docker('rm', '-f', 'two');
      await eventually('its process has nothing to serve', () => served() === 0);
    } finally {
      await engine.stop();
    }
  });

  it.each([
    ['fuse-overlayfs', noFuse],
    ['vfs', undefined],
  ] as const)('is %s where the kernel refuses overlayfs, as it does on overlayfs itself', async (driver, skipped) => {
    if (skipped) return;
    const folder = mkdtempSync(join(tmpdir(), 'berth-on-overlay-'));
    const sh = (script: string): string => execFileSync('sh', ['-ec', script], { cwd: folder }).toString();
    sh('mkdir lower upper work root; mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay root');
    try {
      const words = driver === 'vfs' ? { 'storage-driver': driver } : {};
      const engine = await startNativeEngine(words, { root: join(folder, 'root') });
      try {
        await lifeOn(engine, driver);
      } finally {
        await engine.stop();
      }
    } finally {
      sh('umount -l root');
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it.skipIf(noBtrfs)('is btrfs where that is asked for: snapshots of one subvolume for each image', async () => {
    const { path, unmount } = mountBtrfs();
    try {
      const engine = await startNativeEngine({ 'storage-driver': 'btrfs' }, { root: join(path, 'root') });
      try {
        await lifeOn(engine, 'btrfs');
      } finally {
        await engine.stop();
      }
    } finally {
      unmount();
    }
  });

  it('is not btrfs on another file system', async () => {
    await expect(startNativeEngine({ 'storage-driver': 'btrfs' })).rejects.toThrow('driver not supported: btrfs');
  });

  it('that nobody knows keeps the engine from starting', async () => {
    await expect(startNativeEngine({ 'storage-driver': 'nope' })).rejects.toThrow(
      'error initializing graphdriver: driver not supported: nope',
    );
    expect(readdirSync('/sys/class/net').filter(name => name.startsWith(`bt${process.pid}x`))).toEqual([]);
    expect(readdirSync('/run').filter(name => name.startsWith(`berth-test-${process.pid}-`))).toEqual([]);
  });
});
