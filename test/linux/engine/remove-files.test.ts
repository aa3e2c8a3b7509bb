import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpBytes } from '../../../base/http-client.ts';
import { messageOf } from '../../../contracts/errors.ts';
import { type NativeEngine, startNativeEngine } from '../../support/engine.ts';
import { busyboxArchive } from '../../support/images.ts';
import { canRun } from '../archive/fixture.ts';

describe.skipIf(!canRun)('files of a container that stands still', { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-shared-'));
  let engine: NativeEngine;
  beforeAll(async () => {
    engine = await startNativeEngine();
    await engine.docker('load', '-q', '-i', await busyboxArchive());
  });
  afterAll(async () => {
    await engine?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  /** What is said against it; nothing when the file is gone. */
  const remove = (path: string, name = 'still'): Promise<string> =>
    httpBytes(
      { socketPath: engine.socket },
      'DELETE',
      `/containers/${name}/archive?path=${encodeURIComponent(path)}`,
    ).then(String, messageOf);

  it('are removed, and nothing of its mounts or of the host', async () => {
    writeFileSync(join(folder, 'host'), 'stays');
    const links = `ln -s ${folder} /out; ln -s /etc/passwd /link; ln -s /data /to-data; mkdir -p /deep/er; touch /deep/er/file /data/kept`;
    const mounts = ['-v', 'kept:/data', '-v', `${folder}:/shared`];
    await engine.docker('run', '--name', 'still', ...mounts, 'busybox', 'sh', '-c', links);
    expect(await remove('/deep')).toBe('');
    expect(await remove('/link')).toBe('');
    expect(await remove('/bin/../bin/vi')).toBe('');
    expect(await remove('/out/host')).toContain('Could not find the file');
    expect(await remove('/to-data/kept')).toContain('Could not find the file');
    expect(await remove('/data/kept')).toContain('mounted at /data');
    expect(await remove('/shared')).toContain('mounted at /shared');
    expect(await remove('/')).toContain('root of a container');
    expect(await remove('/nosuch')).toBe('Could not find the file /nosuch in container still');
    expect(await remove('/etc', 'nosuch')).toContain('No such container');
    expect(readFileSync(join(folder, 'host'), 'utf8')).toBe('stays');
    expect(existsSync(join(engine.root, 'volumes/kept/_data/kept'))).toBe(true);
    expect(await engine.docker('diff', 'still')).not.toMatch(/deep|link$/m);
    expect(await engine.docker('diff', 'still')).toContain('D /bin/vi');
  });

  it('are left to its programs while it runs', async () => {
    await engine.docker('run', '-d', '--name', 'runs', '--read-only', 'busybox', 'sleep', '600');
    expect(await remove('/etc/passwd', 'runs')).toContain('is running');
    await engine.docker('kill', 'runs');
    await engine.docker('wait', 'runs');
    expect(await remove('/etc/passwd', 'runs')).toBe('container rootfs is marked read-only');
  });
});
