import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Digest } from '../../../../contracts/oci/digest.ts';
import { type ContentStore, type Ingest, openContentStore } from '../../../../guest-agent/content/index.ts';

const digestOf = (bytes: Buffer): Digest => `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
const bytes = Buffer.alloc(3 << 20, 'some bytes ');

describe('content', () => {
  let root: string;
  let store: ContentStore;
  const ingests = (): string[] => readdirSync(join(root, 'ingest'));

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'content-'));
    store = openContentStore(root);
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('gives a blob its name only when it is whole', async () => {
    const digest = digestOf(bytes);
    const ingest = await store.ingest(digest);
    await ingest.write(bytes);
    const blob = await ingest.finish();
    expect(store.has(digest)).toBe(false);
    expect(readFileSync(blob.readPath).equals(bytes)).toBe(true);
    await blob.commit();
    await blob.close();
    expect((await store.read(digest)).equals(bytes)).toBe(true);
    expect(ingests()).toEqual([]);
  });

  it('goes on with what an earlier life wrote', async () => {
    const digest = digestOf(bytes);
    const first = await store.ingest(digest);
    await first.write(bytes.subarray(0, 1_500_000));
    await first.suspend();
    const second = await openContentStore(root).ingest(digest);
    expect(second.offset).toBe(1_500_000);
    await second.write(bytes.subarray(1_500_000));
    const blob = await second.finish();
    await blob.commit();
    await blob.close();
    expect((await store.read(digest)).equals(bytes)).toBe(true);
  });

  it('keeps the part of a download for a day, or until all that nobody goes on with are to go', async () => {
    const partOf = async (text: string): Promise<{ file: string; ingest: Ingest }> => {
      const digest = digestOf(Buffer.from(text));
      const ingest = await store.ingest(digest);
      await ingest.write(Buffer.from('a part'));
      return { file: `${digest.slice(7)}.partial`, ingest };
    };
    const [fresh, old, growing] = [await partOf('fresh'), await partOf('old'), await partOf('growing')];
    await Promise.all([fresh.ingest.suspend(), old.ingest.suspend()]);
    const twoDaysAgo = Date.now() / 1000 - 2 * 24 * 3600;
    for (const { file } of [old, growing]) utimesSync(join(root, 'ingest', file), twoDaysAgo, twoDaysAgo);
    const next = await partOf('the next download of whatever it is');
    expect(ingests().sort()).toEqual([fresh.file, growing.file, next.file].sort());
    await next.ingest.discard();
    expect(await store.dropPartials('old')).toBe(0);
    expect(await store.dropPartials('all')).toBe('a part'.length);
    expect(ingests()).toEqual([growing.file]);
    await growing.ingest.suspend();
    expect(await store.dropPartials('all')).toBe('a part'.length);
  });

  it('refuses and drops what has another digest', async () => {
    const ingest = await store.ingest(digestOf(Buffer.from('x')));
    await ingest.write(bytes);
    await expect(ingest.finish()).rejects.toThrow(`got ${digestOf(bytes)}`);
    expect(ingests()).toEqual([]);
  });

  it('lets a reader follow, to the end or to the failure', async () => {
    const ingest = await store.ingest(digestOf(bytes));
    const followed = (async () => {
      let last = 0;
      for await (last of ingest.growth()) expect(last).toBeLessThanOrEqual(bytes.length);
      return last;
    })();
    for (let at = 0; at < bytes.length; at += 500_000) await ingest.write(bytes.subarray(at, at + 500_000));
    const blob = await ingest.finish();
    expect(await followed).toBe(bytes.length);
    await blob.close();
    const broken = await store.ingest(digestOf(bytes));
    const reader = expect(Array.fromAsync(broken.growth())).rejects.toThrow('suspended');
    await broken.suspend();
    await reader;
  });

  it('sweeps what is neither named nor leased, and at start what has no future', async () => {
    const [named, leased, garbage] = await Promise.all(['a', 'b', 'c'].map(text => store.put(Buffer.from(text))));
    const lease = store.lease();
    lease.protect(leased as Digest);
    expect(await store.sweep(digest => digest === named)).toEqual({ digests: [garbage], bytes: 1 });
    lease.release();
    lease.release();
    expect((await store.sweep(digest => digest === named)).digests).toEqual([leased]);
    writeFileSync(join(root, 'ingest', 'spool-1'), 'left by a crash');
    expect(openContentStore(root).has(named as Digest)).toBe(true);
    expect(existsSync(join(root, 'ingest', 'spool-1'))).toBe(false);
  });
});
