import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { command, succeed } from '../../support/command.ts';
import type { Stage } from './subject.ts';

/** Files in and out of containers: cp, volumes, folders of the host. */
export function fileTests(stage: () => Stage): void {
  copying(stage);
  volumes(stage);
  hostFolders(stage);
}

async function tree(work: string): Promise<string> {
  const folder = join(work, 'tree');
  await mkdir(join(folder, 'sub/deep'), { recursive: true });
  await writeFile(join(folder, 'plain'), 'plain\n');
  await writeFile(join(folder, 'sub/deep/großer Name'), Buffer.alloc(3_000_000, 'x'));
  await succeed('sh', ['-c', 'ln -sf plain "$0/link" && chmod 751 "$0/plain"', folder]);
  return folder;
}

const listing = 'find . -exec stat -c "%n %A %s" {} + | grep -v "^[^ ]* d" | sort';

function copying(stage: () => Stage): void {
  it('copies files and folders both ways, and as a tar', async () => {
    const { engine, python, work } = stage();
    const folder = await tree(work);
    const expected = await succeed('sh', ['-c', listing], { cwd: folder });
    await engine.docker('run', '-d', '--name', 'box', python, 'sleep', '1000');
    await engine.docker('cp', folder, 'box:/tmp');
    expect(await engine.docker('exec', '-w', '/tmp/tree', 'box', 'sh', '-c', listing)).toBe(expected);
    await engine.docker('cp', 'box:/tmp/tree', join(work, 'back'));
    expect(await succeed('sh', ['-c', listing], { cwd: join(work, 'back') })).toBe(expected);
    await engine.docker('cp', join(folder, 'plain'), 'box:/etc/renamed');
    expect(await engine.docker('exec', 'box', 'cat', '/etc/renamed')).toBe('plain\n');
    await engine.docker('cp', 'box:/etc/hostname', join(work, 'hostname'));
    expect(await readFile(join(work, 'hostname'), 'utf8')).toMatch(/^[0-9a-f]{12}\n$/);
    const env = { DOCKER_HOST: `unix://${engine.socket}` };
    const piped = 'docker exec box mkdir /tmp/two && docker cp box:/tmp/tree - | docker cp - box:/tmp/two';
    expect(await command('sh', ['-c', piped], { env })).toMatchObject({ code: 0 });
    expect(await engine.docker('exec', '-w', '/tmp/two/tree', 'box', 'sh', '-c', listing)).toBe(expected);
    await engine.docker('stop', '-t', '0', 'box');
    await engine.docker('cp', 'box:/tmp/two/tree/plain', join(work, 'stopped'));
    expect(await readFile(join(work, 'stopped'), 'utf8')).toBe('plain\n');
    await engine.docker('rm', 'box');
  });
}

function volumes(stage: () => Stage): void {
  it('keeps a volume across containers', async () => {
    const { engine, busybox, python } = stage();
    const write = 'id -u; echo kept > /data/file';
    await engine.docker('run', '--rm', '-v', 'kept:/data', busybox, 'sh', '-c', write);
    expect(await engine.docker('run', '--rm', '-v', 'kept:/srv:ro', python, 'cat', '/srv/file')).toBe('kept\n');
    const [refused, listed] = await Promise.all([
      engine.tryDocker(['run', '--rm', '-v', 'kept:/srv:ro', python, 'touch', '/srv/new']),
      engine.docker('volume', 'ls', '-q'),
    ]);
    expect(refused.stderr).toContain('Read-only file system');
    expect(listed).toBe('kept\n');
    await engine.docker('volume', 'rm', 'kept');
  });

  it('prunes what is not used', async () => {
    const { engine, busybox } = stage();
    await engine.docker('run', '--name', 'unused', '-v', '/anonymous', busybox, 'sh', '-c', 'echo x > /anonymous/file');
    await engine.docker('network', 'create', 'unused-network');
    const pruned = await engine.docker('system', 'prune', '-f', '--volumes');
    expect(pruned).toMatch(/Deleted Containers:\n[0-9a-f]{64}\n/);
    expect(pruned).toContain('Deleted Networks:\nunused-network\n');
    expect(pruned).toMatch(/Total reclaimed space: /);
    expect(await engine.docker('ps', '-aq')).toBe('');
    expect(await engine.docker('volume', 'ls', '-q')).toBe('');
    expect(await engine.docker('images', '-q', busybox)).not.toBe('');
  });
}

function hostFolders(stage: () => Stage): void {
  it('mounts a folder of the host, or says that it cannot', async () => {
    const { engine, busybox, work, place } = stage();
    const folder = join(work, 'shared');
    await mkdir(folder);
    await writeFile(join(folder, 'from-host'), 'host\n');
    const both = 'cat /mine/from-host && echo container > /mine/from-container';
    const mounts = [
      ['-v', `${folder}:/mine`],
      ['--mount', `type=bind,source=${folder},target=/mine`],
    ];
    for (const mount of mounts) {
      const run = await engine.tryDocker(['run', '--rm', '--name', 'binder', ...mount, busybox, 'sh', '-c', both]);
      if (place === 'native') {
        expect(run).toMatchObject({ code: 0, stdout: 'host\n' });
        expect(await readFile(join(folder, 'from-container'), 'utf8')).toBe('container\n');
      } else {
        expect(run.code).toBe(125);
        expect(run.stderr).toContain(folder);
        expect(run.stderr).toContain('sharing host folders with the machine is not there yet');
        expect(await engine.docker('ps', '-aq')).toBe('');
      }
    }
  });
}
