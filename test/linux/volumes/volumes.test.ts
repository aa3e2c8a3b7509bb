import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openVolumes, type Volumes } from '../../../guest-agent/volumes/index.ts';
import { canRun, newArchive, quiet, temporaryFolder } from '../archive/fixture.ts';

const mountWorkerFile = fileURLToPath(new URL('../../../guest-agent/volumes/mount-worker.ts', import.meta.url));

describe.skipIf(!canRun)('volumes', () => {
  const archive = newArchive();
  let folder: ReturnType<typeof temporaryFolder>;
  let volumes: Volumes;
  const at = (path: string): string => join(folder.path, path);
  const reopen = (): Promise<Volumes> =>
    openVolumes({ root: at('volumes'), copier: archive, mountWorkerFile, log: quiet });
  beforeEach(async () => {
    folder = temporaryFolder();
    volumes = await reopen();
  });
  afterEach(() => folder[Symbol.dispose]());
  afterAll(() => archive.close());

  it('keeps volumes, with and without a name, over a restart', async () => {
    const named = await volumes.create({ name: 'data', labels: { tier: 'db' } });
    const anonymous = await volumes.create({});
    expect(await volumes.create({ name: 'data', labels: { other: 'x' } })).toEqual(named);
    expect(anonymous.name).toMatch(/^[0-9a-f]{64}$/);
    expect(statSync(volumes.dataPath('data')).mode & 0o777).toBe(0o755);
    volumes = await reopen();
    expect(volumes.get('data')).toEqual(named);
    expect(volumes.get(anonymous.name)).toEqual(anonymous);
  });

  it("says no in Docker's words", async () => {
    await volumes.create({ name: 'data' });
    expect(() => volumes.get('x')).toThrow('get x: no such volume');
    await expect(volumes.remove('x', { force: false, inUse: [] })).rejects.toThrow('get x: no such volume');
    await volumes.remove('x', { force: true, inUse: [] });
    await expect(volumes.remove('data', { force: true, inUse: ['abc', 'def'] })).rejects.toMatchObject({
      kind: 'conflict',
      message: 'remove data: volume is in use - [abc, def]',
    });
    await expect(volumes.create({ name: '../x' })).rejects.toThrow(
      'create ../x: "../x" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
    );
    await expect(volumes.create({ name: 'x' })).rejects.toThrow('volume name is too short');
    await expect(volumes.create({ name: 'xx', driver: 'nfs' })).rejects.toThrow('plugin "nfs" not found');
    expect(() => volumes.list({ colour: ['red'] })).toThrow("invalid filter 'colour'");
  });

  it('lists by filter and prunes what nobody uses', async () => {
    await volumes.create({ name: 'used', labels: { tier: 'db' } });
    await volumes.create({ name: 'idle', labels: { tier: 'web' } });
    const anonymous = await volumes.create({});
    writeFileSync(join(anonymous.mountpoint, 'f'), 'x'.repeat(100));
    const uses = (name: string): string[] => (name === 'used' ? ['c1'] : []);
    const names = (filters: Record<string, string[]>) => volumes.list(filters, uses).map(volume => volume.name);
    expect(names({ dangling: ['true'], label: ['tier'] })).toEqual(['idle']);
    expect(names({ dangling: ['0'] })).toEqual(['used']);
    expect(names({ label: ['tier=db'] })).toEqual(['used']);
    expect(await volumes.prune({}, uses)).toEqual({ deleted: [anonymous.name], spaceReclaimed: 100 });
    expect(await volumes.prune({ all: ['1'], 'label!': ['tier=web'] }, uses)).toEqual({
      deleted: [],
      spaceReclaimed: 0,
    });
    expect((await volumes.prune({ all: ['1'] }, uses)).deleted).toEqual(['idle']);
    expect(readdirSync(at('volumes'))).toEqual(['used']);
  });

  it('takes over what the image has, once', async () => {
    execFileSync('sh', [
      '-ec',
      `mkdir -p ${at('root')}/data; cd ${at('root')}/data; echo 1 > a; ln a b; chown 7:8 . a`,
    ]);
    await volumes.create({ name: 'data' });
    await volumes.populate('data', at('root'), '/data');
    const path = volumes.dataPath('data');
    expect(readFileSync(join(path, 'b'), 'utf8')).toBe('1\n');
    expect(statSync(join(path, 'a'))).toMatchObject({ uid: 7, nlink: 2 });
    expect(statSync(path)).toMatchObject({ uid: 7, gid: 8 });
    writeFileSync(at('root/data/a'), 'changed');
    await volumes.populate('data', at('root'), '/data');
    expect(readFileSync(join(path, 'a'), 'utf8')).toBe('1\n');
    expect(await volumes.size('data')).toBe(2);
    await volumes.create({ name: 'empty' });
    await volumes.populate('empty', at('root'), '/nothing');
  });

  it('has nothing of a copy that fails, and all of one that was whole before a crash', async () => {
    execFileSync('sh', ['-ec', `mkdir -p ${at('root')}/data; cd ${at('root')}/data; echo 1 > a; chown 7:8 .`]);
    await volumes.create({ name: 'data' });
    const path = volumes.dataPath('data');
    execFileSync('chown', ['3:4', path]);
    const breaking = await openVolumes({
      root: at('volumes'),
      mountWorkerFile,
      log: quiet,
      copier: {
        ...archive,
        async copyTree(request) {
          await archive.copyTree(request);
          throw new Error('no space left on device');
        },
      },
    });
    await expect(breaking.populate('data', at('root'), '/data')).rejects.toThrow('no space left');
    expect(readdirSync(at('volumes/data')).sort()).toEqual(['_data', 'volume.json']);
    expect(readdirSync(path)).toEqual([]);
    execFileSync('cp', ['-a', at('root/data'), at('volumes/data/_copying')]);
    volumes = await reopen();
    expect(readdirSync(path)).toEqual([]);
    await volumes.populate('data', at('root'), '/nothing');
    expect(statSync(path)).toMatchObject({ uid: 3, gid: 4 });
    execFileSync('cp', ['-a', at('root/data'), at('volumes/data/_copied')]);
    volumes = await reopen();
    expect(readFileSync(join(path, 'a'), 'utf8')).toBe('1\n');
    expect(statSync(path)).toMatchObject({ uid: 7, gid: 8 });
    expect(readdirSync(at('volumes/data')).sort()).toEqual(['_data', 'volume.json']);
  });

  it('keeps the data when a record is torn, and clears half-made volumes', async () => {
    await volumes.create({ name: 'data' });
    writeFileSync(join(volumes.dataPath('data'), 'f'), 'precious');
    writeFileSync(at('volumes/data/volume.json'), '{"vers');
    mkdirSync(at('volumes/.half.new/_data'), { recursive: true });
    volumes = await reopen();
    expect(volumes.list().map(volume => volume.name)).toEqual(['data']);
    expect(readFileSync(join(volumes.dataPath('data'), 'f'), 'utf8')).toBe('precious');
    expect(readdirSync(at('volumes')).sort()).toEqual(['.quarantine', 'data']);
  });
});
