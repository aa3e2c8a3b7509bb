import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { mediaTypes } from '../../../contracts/oci/descriptor.ts';
import { agentOf } from '../../support/engine.ts';
import { engineToAttack, type Member, tar, usable } from './fixture.ts';

const hexOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

/** A document and where an OCI layout has it. */
function blob(document: object | string): { member: Member; digest: string; size: number } {
  const text = Buffer.from(typeof document === 'string' ? document : JSON.stringify(document));
  return { member: { name: `blobs/sha256/${hexOf(text)}`, text }, digest: `sha256:${hexOf(text)}`, size: text.length };
}

describe.skipIf(!usable)('a hostile archive', { timeout: 300_000 }, () => {
  const host = engineToAttack();
  const memory = async (): Promise<number> => {
    const status = readFileSync(`/proc/${await agentOf(host.engine.pid())}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) * 1024;
  };
  /**
   * What the engine says to it; it must be no more work than an archive of its size may be. Sixteen thousand small files
   * take ext4 half a minute where many were deleted shortly before.
   */
  const load = async (archive: Buffer): Promise<string> => {
    const before = await memory();
    const { code, stdout, stderr } = await host.engine.tryDocker(['load'], { input: archive, timeoutMs: 120_000 });
    expect(stderr).not.toContain('ended by the test');
    expect((await memory()) - before).toBeLessThan(256 << 20);
    expect(await host.engine.docker('images', '-q', 'busybox')).not.toBe('');
    return code === 0 ? stdout : stderr;
  };

  it('that names one long document again and again is refused', async () => {
    const config = `{"architecture":"${architecture}","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]},"x":"${' '.repeat(8 << 20)}"}`;
    const manifest = JSON.stringify(
      Array.from({ length: 2000 }, () => ({ Config: 'c.json', RepoTags: [], Layers: [] })),
    );
    const archive = await tar([
      { name: 'manifest.json', text: manifest },
      { name: 'c.json', text: config },
    ]);
    expect(await load(gzipSync(archive))).toContain('too many documents');
  });

  it('of indexes that name each other a million times is read once', async () => {
    const config = blob({ architecture, os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [] } });
    const members = [config.member];
    const add = (document: object) => {
      const made = blob(document);
      members.push(made.member);
      return made;
    };
    const platform = { os: 'linux', architecture };
    const { digest, size } = add({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: config.digest, size: config.size },
      layers: [],
    });
    let entry: object = { mediaType: mediaTypes.ociManifest, digest, size, platform };
    for (let level = 0; level < 4; level++) {
      const manifests = Array.from({ length: 500 }, () => entry);
      const index = add({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
      entry = { mediaType: mediaTypes.ociIndex, digest: index.digest, size: index.size, platform };
    }
    const named = { ...entry, annotations: { 'io.containerd.image.name': 'docker.io/library/laughing:latest' } };
    const index = JSON.stringify({ schemaVersion: 2, manifests: [named] });
    const archive = await tar([...members, { name: 'index.json', text: index }]);
    expect(await load(archive)).toContain('laughing:latest');
    await host.engine.docker('images', '--tree');
    const saved = join(dirname(host.engine.root), 'saved.tar');
    await host.engine.docker('save', '-o', saved, 'laughing');
    await host.engine.docker('rmi', 'laughing');
  });

  it('of more files than an image has, or of headers longer than a file, is refused', async () => {
    const many = Array.from({ length: 17_000 }, (_, number) => ({ name: `f${number}` }));
    expect(await load(await tar(many))).toContain('too many entries');
    const long = await tar([{ name: 'x'.repeat(5 << 20) }]);
    expect(await load(gzipSync(long))).toMatch(/max size|too long|invalid/i);
    const links: Member[] = [
      { name: 'manifest.json', type: 'symlink', linkname: 'index.json' },
      { name: 'index.json', type: 'symlink', linkname: 'manifest.json' },
    ];
    expect(await load(await tar(links))).toContain('no such file or directory');
  });

  it('of an image for another system is refused', async () => {
    const config = { architecture, os: 'windows', config: {}, rootfs: { type: 'layers', diff_ids: [] } };
    const manifest = [{ Config: 'c.json', RepoTags: ['win:1'], Layers: [] }];
    const archive = await tar([
      { name: 'manifest.json', text: JSON.stringify(manifest) },
      { name: 'c.json', text: JSON.stringify(config) },
    ]);
    expect(await load(archive)).toContain('cannot load windows image on linux');
  });
});
