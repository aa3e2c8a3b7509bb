import { randomBytes } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FakeRegistry } from '../../fakes/fake-registry.ts';
import { eventually } from '../../support/eventually.ts';
import { busyboxArchive } from '../../support/images.ts';
import { startFaultyEngine, whyNot } from './faulty-engine.ts';
import { smallDisk } from './small-disk.ts';

const reason = whyNot();
if (reason) console.log(`skipped: ${reason}`);

const noSpace = 'no space left on device';

describe.skipIf(reason)('a disk that is full', () => {
  it('is told, costs nothing that was there, and is no trouble once there is room', { timeout: 120_000 }, async () => {
    const disk = await smallDisk(64);
    const registry = await FakeRegistry.start();
    onTestFinished(() => registry.stop());
    await registry.addImage('big', [{ a: randomBytes(30 << 20) }, { b: randomBytes(30 << 20) }]);
    await registry.addImage('small', [{ hello: 'hello' }]);
    const engine = await startFaultyEngine({}, { root: join(disk.path, 'root') });
    const talk = 'i=0; while :; do echo $i; i=$((i+1)); usleep 10000; done';
    await engine.docker('run', '-d', '--name', 'talker', 'busybox', 'sh', '-c', talk);
    await engine.docker(
      'run',
      '-d',
      '--name',
      'ends',
      'busybox',
      'sh',
      '-c',
      'while [ ! -e /dev/shm/stop ]; do usleep 20000; done; exit 7',
    );
    await engine.docker('create', '--name', 'ready', 'busybox', 'true');
    const listed = (): Promise<string> => engine.docker('images', '-a');
    /** Each finds the disk full: what could not be done gives back what it had. */
    const refusedWhenFull = (...args: string[]): Promise<void> => {
      disk.fill();
      return refused(...args);
    };
    const refused = async (...args: string[]): Promise<void> => {
      const { code, stdout, stderr } = await engine.tryDocker(args);
      expect(code, `${args.join(' ')}: ${stdout}`).not.toBe(0);
      expect(stderr, args.join(' ')).toContain(noSpace);
    };
    const before = { images: await listed(), used: used(disk.path) };

    await refused('pull', `${registry.host}/app:big`);
    expect(await listed()).toBe(before.images);
    await eventually('what was fetched is given back', () => used(disk.path) < before.used + (1 << 20));

    const containers = await engine.docker('ps', '-aq');
    await refusedWhenFull('pull', `${registry.host}/app:small`);
    await refusedWhenFull('load', '-i', await busyboxArchive());
    await refusedWhenFull('create', '--name', 'refused', 'busybox', 'true');
    await refusedWhenFull('run', '--rm', '--name', 'refused', 'busybox', 'true');
    await refusedWhenFull('volume', 'create', 'refused');
    await refusedWhenFull('network', 'create', 'refused');
    await refusedWhenFull('tag', 'busybox', 'refused:latest');
    await refusedWhenFull('rename', 'ready', 'refused');
    // Left to itself the kernel mounts an overlay read-only when it has no room for its work folder.
    await refusedWhenFull('cp', '/bin/busybox', 'ready:/copied');
    await refusedWhenFull('start', 'ready');
    expect(await engine.docker('ps', '-aq')).toBe(containers);
    expect(await listed()).toBe(before.images);
    expect(await engine.docker('volume', 'ls', '-q')).toBe('');
    expect(await engine.docker('network', 'ls', '-q', '-f', 'name=refused')).toBe('');
    expect(await engine.docker('exec', 'talker', 'echo', 'still here')).toBe('still here\n');
    await engine.tryDocker(['exec', 'ends', 'touch', '/dev/shm/stop']); // it may take the command down with it
    expect(await engine.docker('wait', 'ends')).toBe('7\n');
    await engine.kill();
    await engine.restart();
    expect(await engine.docker('inspect', '-f', '{{.State.Status}}', 'talker')).toBe('running\n');

    disk.free();
    await engine.docker('pull', '-q', `${registry.host}/app:small`);
    await engine.docker('load', '-q', '-i', await busyboxArchive());
    await engine.docker('run', '--rm', '--name', 'refused', 'busybox', 'true');
    await engine.docker('create', '--name', 'refused', '-v', 'refused:/data', 'busybox', 'true');
    await engine.docker('network', 'create', 'refused');
    await engine.docker('network', 'rm', 'refused');
    await engine.docker('tag', 'busybox', 'refused:latest');
    const last = async (): Promise<number> => Number((await engine.docker('logs', '--tail', '1', 'talker')).trim());
    const now = await last();
    await eventually('the talker is heard again', async () => (await last()) > now);
    await engine.docker('kill', 'talker');
    const lines = (await engine.docker('logs', 'talker')).trim().split('\n').map(Number);
    // What was said while there was no room is lost, as with dockerd; nothing is torn or said twice.
    expect(lines.filter((line, index) => index > 0 && line <= (lines[index - 1] ?? 0))).toEqual([]);
    await engine.endWithoutTrace();
  });
});

const used = (path: string): number => {
  const { blocks, bfree, bsize } = statfsSync(path);
  return (blocks - bfree) * bsize;
};
