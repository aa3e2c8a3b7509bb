import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { succeed } from '../../support/command.ts';
import { type NativeEngine, startNativeEngine, tracesOf } from '../../support/engine.ts';
import { eventually } from '../../support/eventually.ts';
import { busyboxArchive } from '../../support/images.ts';
import { canRun } from '../archive/fixture.ts';

describe.skipIf(!canRun)('volumes that are file systems of their own', () => {
  let engine: NativeEngine;
  const mounted = (): string[] =>
    readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .filter(line => line.includes(`${engine.root}/volumes/`));
  const gone = (): Promise<void> => eventually('nothing is mounted', () => expect(mounted()).toEqual([]));
  const docker = (...args: string[]): Promise<string> => engine.docker(...args);

  beforeAll(async () => {
    engine = await startNativeEngine();
    await docker('load', '-q', '-i', await busyboxArchive());
    await docker('volume', 'create', '--opt', 'type=tmpfs', '--opt', 'device=tmpfs', '--opt', 'o=size=1m', 'memory');
  });
  afterAll(async () => {
    await engine.stop();
    expect(await tracesOf(engine)).toEqual([]);
  });

  it('are one for all who use them, also over the death of the engine', { timeout: 60_000 }, async () => {
    await docker('run', '-d', '--name', 'one', '-v', 'memory:/m', 'busybox', 'sh', '-c', 'echo x > /m/f; sleep 1000');
    await eventually('the file is there', () => docker('exec', 'one', 'cat', '/m/f'));
    await engine.kill();
    await engine.restart();
    expect(await docker('run', '--rm', '-v', 'memory:/m', 'busybox', 'cat', '/m/f')).toBe('x\n');
    expect(mounted()).toHaveLength(1);
    expect((await engine.tryDocker(['volume', 'rm', 'memory'])).stderr).toContain('volume is in use');
    await docker('rm', '-f', 'one');
    await gone();
    expect(await docker('run', '--rm', '-v', 'memory:/m', 'busybox', 'ls', '/m')).toBe('');
  });

  it('are unmounted by the next engine when this one and the container die', { timeout: 60_000 }, async () => {
    await docker('run', '-d', '--name', 'two', '-v', 'memory:/m', 'busybox', 'sleep', '1000');
    const pid = Number(await docker('inspect', '--format', '{{.State.Pid}}', 'two'));
    await engine.kill();
    process.kill(pid, 'SIGKILL');
    expect(mounted()).toHaveLength(1);
    await engine.restart();
    await gone();
    await docker('rm', 'two');
  });

  it('take over what the image has, and are there for docker cp of a container at rest', {
    timeout: 60_000,
  }, async () => {
    const folder = join(engine.root, '../folder');
    await succeed('mkdir', [folder]);
    const options = ['--opt', 'type=none', '--opt', 'o=bind', '--opt', `device=${folder}`];
    await docker('volume', 'create', ...options, 'elsewhere');
    await docker('create', '--name', 'three', '-v', 'elsewhere:/etc', 'busybox', 'cat', '/etc/note');
    expect(readdirSync(folder).sort()).toContain('passwd');
    await gone();
    await succeed('sh', ['-c', `cd ${folder} && echo note > ../note`]);
    await docker('cp', join(folder, '../note'), 'three:/etc/note');
    expect(readFileSync(join(folder, 'note'), 'utf8')).toBe('note\n');
    await gone();
    expect(await docker('start', '-a', 'three')).toBe('note\n');
    await docker('rm', 'three');
    await docker('volume', 'rm', 'elsewhere');
    expect(readdirSync(folder)).toContain('note'); // it was never ours to remove
  });

  it('a disk image is mounted by a thread of its own', { timeout: 60_000 }, async () => {
    const disk = join(engine.root, '../disk');
    await succeed('sh', ['-c', `truncate -s 8M ${disk} && mke2fs -q -t ext4 ${disk}`]);
    const loop = (await succeed('losetup', ['-f', '--show', disk]).catch(() => '')).trim();
    if (loop === '') return console.log('skipped: there are no loop devices here');
    try {
      await docker('volume', 'create', '--opt', 'type=ext4', '--opt', `device=${loop}`, 'disk');
      await docker('run', '--rm', '-v', 'disk:/d', 'busybox', 'sh', '-c', 'echo kept > /d/f');
      await gone();
      expect(await docker('run', '--rm', '-v', 'disk:/d', 'busybox', 'cat', '/d/f')).toBe('kept\n');
      await gone();
    } finally {
      await succeed('losetup', ['-d', loop]);
    }
  });
});
