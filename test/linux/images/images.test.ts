import { execFileSync } from 'node:child_process';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLog } from '../../../base/log.ts';
import type { JsonMessage } from '../../../contracts/docker/common.ts';
import { type ChainId, hexOf } from '../../../contracts/oci/digest.ts';
import { parseReference } from '../../../contracts/oci/reference.ts';
import { openArchive } from '../../../guest-agent/archive/index.ts';
import { openContentStore } from '../../../guest-agent/content/index.ts';
import { type Images, openImages, ownPlatform } from '../../../guest-agent/images/index.ts';
import { openRegistry } from '../../../guest-agent/registry/index.ts';
import { openSnapshots } from '../../../guest-agent/snapshots/index.ts';
import { eventually } from '../../support/eventually.ts';
import { busyboxArchive } from '../../support/images.ts';
import { type Registry, startRegistry } from '../../support/registry.ts';

const has = (program: string): boolean => existsSync(`/usr/bin/${program}`);
const canRun = process.platform === 'linux' && process.getuid?.() === 0 && has('docker-registry') && has('skopeo');
if (!canRun) console.warn('skipped: needs Linux, root, docker-registry and skopeo');

const log = createLog({ level: 'warn' });
const workerFile = fileURLToPath(new URL('../../../guest-agent/archive/worker.ts', import.meta.url));
const signal = new AbortController().signal;

describe.skipIf(!canRun)('images on a real kernel, with a real registry', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-images-'));
  const client = openRegistry({ log });
  const archive = openArchive({ workerFile, log });
  let registry: Registry;
  let images: Images;
  let busybox: string;

  const open = async (name: string): Promise<Images> => {
    const root = join(folder, name);
    const opened = openImages({
      root: join(root, 'images'),
      content: openContentStore(join(root, 'content')),
      snapshots: await openSnapshots({ root: join(root, 'snapshots'), log }),
      archive,
      registry: client,
      platform: ownPlatform(),
      log,
    });
    await opened.sweep();
    return opened;
  };
  const pull = async (name: string): Promise<JsonMessage[]> => {
    const messages: JsonMessage[] = [];
    await images.pull(parseReference(name), { progress: message => messages.push(message), signal });
    return messages;
  };
  const unpacked = (chainId: ChainId | undefined): string =>
    join(folder, 'first', 'snapshots', 'layers', chainId ? hexOf(chainId) : '', 'diff');

  beforeAll(async () => {
    busybox = await busyboxArchive();
    registry = await startRegistry();
    await registry.push(busybox, 'app:1');
    images = await open('first');
  });
  afterAll(async () => {
    await registry.stop();
    await archive.close();
    client.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('pulls what skopeo pushed', async () => {
    const messages = await pull(`${registry.host}/app:1`);
    expect(messages.at(-1)?.status).toBe(`Status: Downloaded newer image for ${registry.host}/app:1`);
    const { topChainId, size } = images.get(`${registry.host}/app:1`);
    expect(size).toBeGreaterThan(1_000_000);
    const root = unpacked(topChainId);
    expect(readlinkSync(join(root, 'bin/sh'))).toBe('busybox');
    expect(readFileSync(join(root, 'bin/busybox')).equals(readFileSync('/bin/busybox'))).toBe(true);
    const again = await pull(`${registry.host}/app:1`);
    expect(again.at(-1)?.status).toBe(`Status: Image is up to date for ${registry.host}/app:1`);
  });

  it("says what is not there in dockerd's words", async () => {
    await expect(pull(`${registry.host}/app:2`)).rejects.toThrow(
      `manifest for ${registry.host}/app:2 not found: manifest unknown: manifest unknown`,
    );
    await expect(pull(`${registry.host}/none`)).rejects.toThrow(
      `manifest for ${registry.host}/none:latest not found: manifest unknown: manifest unknown`,
    );
  });

  it('loads docker-archives and OCI layouts, and saves what skopeo can read', async () => {
    const quiet = { quiet: true, progress: () => undefined };
    const [loaded] = await images.load(createReadStream(busybox), quiet);
    expect(loaded?.id).toBe(images.get(`${registry.host}/app:1`).id);
    const saved = join(folder, 'saved.tar');
    writeFileSync(saved, Buffer.concat(await images.save(['busybox', `${registry.host}/app:1`]).toArray()));
    const layout = join(folder, 'layout.tar');
    const copy = ['copy', '--quiet', '--insecure-policy', `docker-archive:${saved}:busybox:latest`];
    execFileSync('skopeo', [...copy, `oci-archive:${layout}:busybox:latest`]);
    const second = await open('second');
    const [fromLayout] = await second.load(createReadStream(layout), quiet);
    expect(fromLayout?.config.rootfs).toEqual(loaded?.config.rootfs);
  });

  it('pushes what skopeo pulls, and another tool than ours agrees about every digest', async () => {
    const quiet = { quiet: true, progress: () => undefined };
    const [loaded] = await images.load(createReadStream(busybox), quiet);
    const name = `${registry.host}/pushed:1`;
    await images.tag('busybox', parseReference(name));
    await images.push(parseReference(name), { progress: () => undefined, signal });
    const skopeo = (...args: string[]): string => execFileSync('skopeo', args).toString();
    const inspected = JSON.parse(skopeo('inspect', '--tls-verify=false', `docker://${name}`));
    const [layer] = images.get(name).layers;
    expect([inspected.Digest, inspected.Layers]).toEqual([
      images
        .get(name)
        .repoDigests.find(text => text.includes('/pushed@'))
        ?.split('@')[1],
      [layer?.digest],
    ]);
    const copied = join(folder, 'copied.tar');
    const copy = ['copy', '--quiet', '--insecure-policy', '--src-tls-verify=false', `docker://${name}`];
    skopeo(...copy, `docker-archive:${copied}:copied:1`);
    const third = await open('third');
    const [back] = await third.load(createReadStream(copied), quiet);
    expect(back?.id).toBe(loaded?.id);
  });

  it('loads archives however they are packed, and says when one is cut off', async () => {
    const quiet = { quiet: true, progress: () => undefined };
    for (const [program, ...args] of [
      ['gzip', '-c'],
      ['zstd', '-c', '-q'],
      ['xz', '-0', '-c'],
      ['bzip2', '-c'],
    ]) {
      const packed = execFileSync(program ?? '', [...args, busybox], { maxBuffer: 1 << 26 });
      const fresh = await open(`packed-${program}`);
      const [loaded] = await fresh.load(Readable.from([packed]), quiet);
      expect(loaded?.references.map(({ path }) => path)).toEqual(['library/busybox']);
      const cut = Readable.from([packed.subarray(0, packed.length / 2)]);
      await expect(fresh.load(cut, quiet)).rejects.toThrow(/unexpected EOF|exit status|invalid/);
    }
  });

  it('says when the disk is full, gives the room back, and works when there is room', async () => {
    const small = join(folder, 'small');
    mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1500k', 'tmpfs', small]);
    try {
      const cramped = await open('small');
      const progress = (): void => undefined;
      const attempt = () => cramped.pull(parseReference(`${registry.host}/app:1`), { progress, signal });
      const free = (): number => statfsSync(small).bfree;
      const before = free();
      await expect(attempt()).rejects.toThrow(/no space left on device/);
      await expect(cramped.load(createReadStream(busybox), { quiet: true, progress })).rejects.toThrow(
        /no space left on device/,
      );
      await eventually('the room is given back', async () => free() >= before - 60 || undefined);
      execFileSync('mount', ['-o', 'remount,size=20m', small]);
      expect((await attempt()).size).toBeGreaterThan(1_000_000);
    } finally {
      execFileSync('umount', ['-l', small]);
    }
  });

  it('removes all that nobody needs', async () => {
    const { topChainId, id } = images.get('busybox');
    await images.remove(id, { force: true, inUse: () => [] });
    expect(images.list()).toEqual([]);
    expect(existsSync(unpacked(topChainId))).toBe(false);
    expect(images.diskUsage()).toEqual({ layersBytes: 0, blobsBytes: 0 });
  });
});
