import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dockerOn, type NativeEngine, startNativeEngine } from '../../support/engine.ts';
import { filesOf } from '../../support/file-listing.ts';
import { pythonArchive, writeArchive } from '../../support/images.ts';
import { type Peer, startPeer } from '../../support/peer.ts';
import { canRun } from '../archive/fixture.ts';

/** Layers of every kind of file, each of which changes the ones below. */
const layers = [
  `mkdir -p a/b/c opaque/below gone kept/deep; echo one > a/f; ln a/f a/hard; ln -s /a/f a/sym; mkfifo a/pipe
   mknod a/null c 1 3; mknod a/disk b 7 0; truncate -s 3M a/hole; echo end >> a/hole; echo x > gone/x; echo y > opaque/below/y
   install -m 4755 /dev/null a/suid; install -d -m 2775 -o 7 -g 8 a/sgid; install -d -m 1777 a/sticky; chown -h 5:6 a/sym
   echo k > kept/deep/k; setfattr -n user.colour -v blue a/f 2>/dev/null || true
   python3 -c "import os; os.setxattr('a/suid', 'security.capability', bytes.fromhex('0100000200200000000000000000000000000000'))"
   python3 -c "import os; os.setxattr('a/b', 'user.some', b'\\\\0binary'); open(b'a/\\\\xff\\\\xfe not utf-8', 'w')"
   python3 -c "import os; os.setxattr('a/f', 'trusted.note', b'\\\\0t'); os.setxattr('a', 'security.note', b's'); os.setxattr('a/pipe', 'trusted.p', b'')"
   long=$(printf 'n%.0s' $(seq 200)); mkdir -p $long/$long; echo long > $long/$long/$long; touch -d 1999-01-01T01:02:03 a/f a/b`,
  `mkdir -p a opaque; touch .wh.gone a/.wh.hard opaque/.wh..wh..opq; echo two > a/f; echo new > opaque/new; ln -s ../kept a/to`,
  `mkdir -p kept/deep a; echo again > gone; echo z > kept/deep/z; rm -rf x; mkdir a/null; echo in > a/null/file; touch -d 2030-01-01 kept`,
];

/** Both engines unpack the same images; what they show of them is looked at by the kernel's overlayfs. */
describe.skipIf(!canRun)('the files of an image', { timeout: 240_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-same-'));
  let engine: NativeEngine;
  let peer: Peer;
  beforeAll(async () => {
    [engine, peer] = await Promise.all([startNativeEngine(), startPeer()]);
  }, 120_000);
  afterAll(async () => {
    await Promise.all([engine?.stop(), peer?.stop()]);
    rmSync(folder, { recursive: true, force: true });
  });

  async function shown(socket: string, archive: string, name: string): Promise<string[]> {
    const { docker } = dockerOn(socket);
    await docker('load', '-q', '-i', archive);
    const id = (await docker('create', '--network', 'none', name, 'true')).trim();
    const { LowerDir } = JSON.parse(await docker('inspect', '-f', '{{json .GraphDriver.Data}}', id));
    // the lowest, or with dockerd the topmost, is for what the runtime mounts on
    const own = (LowerDir as string).split(':').filter(path => !/-init\/diff$|\/init$/.test(path));
    const files = filesOf(own);
    await docker('rm', id);
    return files;
  }

  it('are those of dockerd, whatever they are: marks, links, devices, attributes, holes, times', async () => {
    const tars = layers.map((script, index) => {
      const tree = join(folder, `tree-${index}`);
      execFileSync('sh', ['-ec', `mkdir ${tree}; cd ${tree}; ${script}`]);
      const tar = join(folder, `${index}.tar`);
      execFileSync('tar', ['-C', tree, '--format=pax', '--xattrs', '--xattrs-include=*', '-S', '-cf', tar, '.']);
      return tar;
    });
    const archive = join(folder, 'every-kind.tar');
    await writeArchive(tars, { name: 'every-kind:latest', config: {} }, archive);
    const [ours, theirs] = [
      await shown(engine.socket, archive, 'every-kind'),
      await shown(peer.socket, archive, 'every-kind'),
    ];
    expect(ours).toEqual(theirs);
    expect(ours.length).toBeGreaterThan(25);
  });

  it('are those of dockerd in a Debian root of thousands', async () => {
    const archive = await pythonArchive();
    const [ours, theirs] = [
      await shown(engine.socket, archive, 'debian-python'),
      await shown(peer.socket, archive, 'debian-python'),
    ];
    expect(ours.filter((line, index) => line !== theirs[index])).toEqual([]);
    expect(ours.length).toBe(theirs.length);
    expect(ours.length).toBeGreaterThan(5000);
  });
});
