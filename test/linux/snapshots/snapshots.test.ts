import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { putOffDone } from '../../../base/put-off.ts';
import type { ChainId } from '../../../contracts/oci/digest.ts';
import { attachMounts, attachStanding } from '../../../guest-agent/snapshots/attach.ts';
import { fuseRefusalAt } from '../../../guest-agent/snapshots/fuse-overlay.ts';
import { openSnapshots, type Snapshots, type StorageDriver } from '../../../guest-agent/snapshots/index.ts';
import { writableOptions } from '../../../guest-agent/snapshots/overlay.ts';
import { cloneTree, newFilesystem } from '../../../guest-agent/syscalls/mount.ts';
import { getXattrAt, setXattrAt } from '../../../guest-agent/syscalls/xattr.ts';
import { mountBtrfs, whyNoBtrfs } from '../../support/btrfs.ts';
import { canRun, descriptorCount, quiet, temporaryFolder } from '../archive/fixture.ts';

const chain = (digit: string): ChainId => `sha256:${digit.repeat(64)}` as ChainId;
const base = chain('a');
const top = chain('b');

const noBtrfs = whyNoBtrfs();
if (noBtrfs) console.log(`skipped, snapshots on btrfs: ${noBtrfs}`);
const btrfs = noBtrfs ? undefined : mountBtrfs();
afterAll(() => btrfs?.unmount());

const noFuse = canRun ? fuseRefusalAt(tmpdir()) : 'it needs root and Linux';
if (noFuse) console.log(`skipped, snapshots on fuse-overlayfs: ${noFuse}`);

const drivers: StorageDriver[] = [
  'overlay2',
  ...(btrfs ? (['btrfs'] as const) : []),
  ...(noFuse ? [] : (['fuse-overlayfs'] as const)),
  'vfs',
];

describe.skipIf(!canRun).each(drivers)('snapshots on %s', driver => {
  let folder: ReturnType<typeof temporaryFolder>;
  let snapshots: Snapshots;
  const at = (path: string): string => join(folder.path, path);
  const mounts = (): string => readFileSync('/proc/self/mountinfo', 'utf8');
  const reopen = async (): Promise<Snapshots> => openSnapshots({ root: at('store'), log: quiet, driver });
  const sh = (script: string): string => execFileSync('sh', ['-ec', script]).toString();

  beforeEach(async () => {
    folder = temporaryFolder(driver === 'btrfs' ? btrfs?.path : undefined);
    snapshots = await reopen();
    const draft = await snapshots.prepareLayer();
    sh(
      `cd ${draft.directory}; mkdir -p etc dir/sub; echo hi > etc/motd; echo 1 > dir/one; echo 2 > dir/sub/two; echo x > top`,
    );
    await draft.commit({ chainId: base, parent: undefined, size: 11 });
    const second = await snapshots.prepareLayer();
    sh(`cd ${second.directory}; mkdir etc; mknod etc/motd c 0 0; echo new > added`);
    await second.commit({ chainId: top, parent: base, size: 4 });
  });
  afterEach(async () => {
    await expect.poll(() => readdirSync(at('store/trash')).length).toBe(0);
    folder[Symbol.dispose]();
  });

  /** Runs a script in the writable root of a container, in mount namespaces that only it sees. */
  const change = (id: string, script: string): void => {
    const root = snapshots.open(id, { writable: true });
    try {
      sh(`cd ${root.path.replace('self', String(process.pid))}; ${script}`);
    } finally {
      root.close();
    }
  };

  it('shows the stack of layers as one tree, and leaves no mount and no descriptor', async () => {
    const before = [mounts(), descriptorCount()];
    await snapshots.prepare('c1', top);
    const root = snapshots.open('c1');
    expect(readFileSync(`${root.path}/top`, 'utf8')).toBe('x\n');
    expect(existsSync(`${root.path}/etc/motd`)).toBe(false);
    expect(existsSync(`${root.path}/.dockerenv`)).toBe(true);
    expect(mounts()).toBe(before[0]);
    root.close();
    change('c1', 'echo changed > top; echo a > etc/motd');
    const again = snapshots.open('c1');
    expect(readFileSync(`${again.path}/top`, 'utf8')).toBe('changed\n');
    expect(() => writeFileSync(`${again.path}/top`, 'no')).toThrow('EROFS');
    again.close();
    expect([mounts(), descriptorCount()]).toEqual(before);
  });

  it("tells changes with Docker's kinds, and sizes", async () => {
    await snapshots.prepare('c1', top);
    expect(await snapshots.changes('c1')).toEqual([]);
    change(
      'c1',
      `echo 12345 > etc/new; rm added; rm -r dir; mkdir dir; echo 3 > dir/three; chmod 700 etc; chmod 600 top; chmod 644 top
       mkdir -p opt/deep; ln -s x opt/link; echo hard > h1; ln h1 h2; touch -r h1 -d 2001-01-01 top`,
    );
    expect(await snapshots.changes('c1')).toEqual([
      { path: '/added', kind: 2 },
      { path: '/dir', kind: 0 },
      { path: '/dir/one', kind: 2 },
      { path: '/dir/sub', kind: 2 },
      { path: '/dir/three', kind: 1 },
      { path: '/etc', kind: 0 },
      { path: '/etc/new', kind: 1 },
      { path: '/h1', kind: 1 },
      { path: '/h2', kind: 1 },
      { path: '/opt', kind: 1 },
      { path: '/opt/deep', kind: 1 },
      { path: '/opt/link', kind: 1 },
      { path: '/top', kind: 0 },
    ]);
    // new 6, three 2, link 1, hard 5 once, top 2 copied up
    expect(await snapshots.size('c1')).toBe(6 + 2 + 1 + 5 + 2);
  });

  it('works without any layer', async () => {
    await snapshots.prepare('scratch', undefined);
    const root = snapshots.open('scratch');
    expect(readdirSync(root.path).sort()).toEqual(['.dockerenv', 'dev', 'etc', 'proc', 'sys']);
    root.close();
    expect(await snapshots.changes('scratch')).toEqual([]);
  });

  it.each([attachMounts, attachStanding])('puts volumes into the root of a container at rest: %o', async attach => {
    const before = [mounts(), descriptorCount()];
    sh(`mkdir -p ${at('volume/sub')} ${at('other')}; echo v > ${at('volume/file')}; echo f > ${at('single')}`);
    await snapshots.prepare('c1', top);
    const { directory, ...overlay } = snapshots.stand('c1');
    const bare = directory ? cloneTree(-100, directory, false) : newFilesystem('overlay', writableOptions(overlay));
    snapshots.rest('c1');
    const tree = attach(
      bare,
      [
        { source: at('volume'), destination: '/new/data' },
        { source: at('other'), destination: '/new/data/sub', readonly: true },
        { source: at('single'), destination: '/etc/single' },
      ],
      at('store/scratch'),
    );
    const root = `/proc/self/fd/${tree}`;
    expect(readFileSync(`${root}/new/data/file`, 'utf8')).toBe('v\n');
    expect(readFileSync(`${root}/etc/single`, 'utf8')).toBe('f\n');
    writeFileSync(`${root}/new/data/written`, 'w');
    expect(() => writeFileSync(`${root}/new/data/sub/x`, 'w')).toThrow('EROFS');
    expect(mounts()).toBe(before[0]);
    closeSync(tree);
    expect(readFileSync(at('volume/written'), 'utf8')).toBe('w');
    expect([mounts(), descriptorCount()]).toEqual(before);
    expect(await snapshots.changes('c1')).toEqual([
      { path: '/etc', kind: 0 },
      { path: '/etc/single', kind: 1 },
      { path: '/new', kind: 1 },
      { path: '/new/data', kind: 1 },
    ]);
  });

  it('stacks more layers than any image has', async () => {
    let parent = top;
    for (let index = 0; index < 126; index++) {
      const next = `sha256:${index.toString(16).padStart(64, '0')}` as ChainId;
      const draft = await snapshots.prepareLayer();
      writeFileSync(join(draft.directory, `file-${index}`), '');
      await draft.commit({ chainId: next, parent, size: 0 });
      parent = next;
    }
    await snapshots.prepare('tall', parent);
    change('tall', 'rm file-7; test -e file-0; test -e top');
    expect(await snapshots.changes('tall')).toEqual([{ path: '/file-7', kind: 2 }]);
  });

  it('finds everything again after a restart', async () => {
    await snapshots.prepare('c1', top);
    await snapshots.prepare('c2', undefined);
    const before = snapshots.rootfs('c1');
    snapshots = await reopen();
    expect(snapshots.ids().sort()).toEqual(['c1', 'c2']);
    expect(snapshots.rootfs('c1')).toEqual(before);
    expect(snapshots.layers().map(layer => [layer.chainId, layer.parent, layer.size])).toEqual([
      [base, undefined, 11],
      [top, base, 4],
    ]);
    expect(snapshots.layerSize(top)).toBe(4);
  });

  it('clears away what a crash left: drafts, half-made containers, half-removed trees, torn records', async () => {
    const draft = await snapshots.prepareLayer();
    writeFileSync(join(draft.directory, 'half'), 'x');
    mkdirSync(at('store/containers/.c9/upper'), { recursive: true });
    mkdirSync(at('store/trash/1/upper/x'), { recursive: true });
    mkdirSync(at(`store/layers/${'d'.repeat(64)}/diff`), { recursive: true });
    writeFileSync(at(`store/layers/${'d'.repeat(64)}/layer.json`), '{"version":1,"chai');
    snapshots = await reopen();
    expect(snapshots.hasLayer(chain('c'))).toBe(false);
    expect(snapshots.layers()).toHaveLength(2);
    expect(snapshots.ids()).toEqual([]);
    expect(readdirSync(at('store/drafts'))).toEqual([]);
    expect(readdirSync(at('store/containers'))).toEqual([]);
    expect(readdirSync(at('store/layers'))).toHaveLength(2);
  });

  it('begins with what was made beforehand, and sweeps what nobody took', async () => {
    snapshots.makeAhead();
    await putOffDone();
    expect(readdirSync(at('store/containers'))).toHaveLength(driver === 'overlay2' ? 32 : 0);
    const made = driver === 'overlay2' && statSync(at('store/containers/.ready-0/upper')).ino;
    await snapshots.prepare('one', top);
    if (made) expect(statSync(snapshots.rootfs('one').upperdir).ino).toBe(made);
    expect((await reopen()).ids()).toEqual(['one']);
    expect(readdirSync(at('store/containers'))).toEqual(['one']);
  });

  it('keeps what is in use, and removes the rest any number of times', async () => {
    await snapshots.prepare('c1', top);
    await expect(snapshots.removeLayer(base)).rejects.toMatchObject({ kind: 'conflict' });
    await expect(snapshots.removeLayer(top)).rejects.toMatchObject({ kind: 'conflict' });
    await expect(snapshots.prepare('c1', top)).rejects.toMatchObject({ kind: 'conflict' });
    await expect(snapshots.prepare('c2', chain('f'))).rejects.toMatchObject({ kind: 'not-found' });
    for (let twice = 0; twice < 2; twice++) {
      await snapshots.remove('c1');
      await snapshots.removeLayer(top);
    }
    expect(() => snapshots.rootfs('c1')).toThrow('snapshot c1 does not exist');
    await snapshots.prepare('c1', base);
    expect(snapshots.layers()).toHaveLength(1);
  });

  it('lets the first of two drafts of one layer win', async () => {
    const drafts = await Promise.all([1, 2, 3].map(() => snapshots.prepareLayer()));
    await drafts[0]?.abort();
    await Promise.all(drafts.slice(1).map(draft => draft.commit({ chainId: chain('e'), parent: base, size: 0 })));
    expect(snapshots.hasLayer(chain('e'))).toBe(true);
    expect(readdirSync(at('store/drafts'))).toEqual([]);
  });

  it('gives what a container changed in the form of a layer, with which another one has the same', async () => {
    await snapshots.prepare('c1', top);
    change(
      'c1',
      `rm dir/one; rm -r dir/sub; mkdir dir/sub; echo 3 > dir/sub/three; echo y > top; ln top also; ln -s top link
       chmod 2750 dir; chown 5:6 link added; mkfifo fifo; touch -d 2001-01-01 dir top
       rm .dockerenv; rm -r etc; mkdir etc`,
    );
    const noted = snapshots.open('c1', { writable: true });
    const folderOf = openSync(noted.path, constants.O_RDONLY);
    setXattrAt(folderOf, 'added', 'user.note', Buffer.from('here'));
    closeSync(folderOf);
    noted.close();
    const found = await snapshots.changes('c1');
    const changes = await snapshots.openChanges('c1');
    const draft = await snapshots.prepareLayer();
    sh(`cp -a ${changes.path}/. ${draft.directory}`);
    changes.close();
    await draft.commit({ chainId: chain('c'), parent: top, size: 0 });
    await snapshots.prepare('c2', chain('c'));
    const tree = (id: string): string => {
      const root = snapshots.open(id);
      const fd = openSync(root.path, constants.O_RDONLY);
      try {
        const path = root.path.replace('self', String(process.pid));
        const entries = "find . -mindepth 1 ! -name .dockerenv -printf '%p %y %m %U %G %n %l %Ty\\n' | sort";
        const note = getXattrAt(fd, 'added', 'user.note')?.toString();
        return sh(`cd ${path}; ${entries}; cat top also added dir/sub/three; echo ${note}; ls etc`);
      } finally {
        closeSync(fd);
        root.close();
      }
    };
    expect(tree('c1')).toContain('\nhere\n');
    expect(tree('c2')).toBe(tree('c1'));
    expect(found.map(({ path, kind }) => `${kind} ${path}`)).toEqual(
      expect.arrayContaining(['2 /dir/one', '0 /dir', '1 /also', '1 /fifo', '0 /added', '2 /.dockerenv']),
    );
  });

  it('removes what a container made hard to remove', async () => {
    await snapshots.prepare('c1', base);
    const { upperdir } = snapshots.rootfs('c1');
    sh(`cd ${upperdir}; mkdir locked; echo x > locked/file; chattr +i locked/file locked || true`);
    // deeper than a path or a process may be
    sh(`cd ${upperdir}; for i in $(seq 1 700); do mkdir 0123456789 && cd -P 0123456789; done`);
    await snapshots.remove('c1');
    expect(snapshots.ids()).toEqual([]);
  });
});
