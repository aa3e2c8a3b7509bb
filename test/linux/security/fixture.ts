import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Header, pack } from 'tar-stream';
import { afterAll, beforeAll, expect } from 'vitest';
import { type NativeEngine, startNativeEngine, type TestEngine } from '../../support/engine.ts';
import { busyboxArchive } from '../../support/images.ts';

export const usable = process.platform === 'linux' && process.getuid?.() === 0;
if (!usable) console.log('skipped: attacks on an engine need Linux and root');

/** A member of a tar; `text` is a file's. */
export type Member = Partial<Header> & { name: string; text?: string | Buffer };

export async function tar(members: Member[]): Promise<Buffer> {
  const archive = pack();
  for (const { text = '', ...header } of members)
    archive.entry({ mode: 0o755, mtime: new Date(0), ...header }, Buffer.from(text));
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const sha256 = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** What `docker load` takes: layers above each other, each given by its members. */
export async function imageArchive(
  name: string,
  layers: Member[][],
  config: Record<string, unknown> = {},
): Promise<Buffer> {
  const tars = await Promise.all(layers.map(tar));
  const document = JSON.stringify({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: { Env: ['PATH=/bin'], Cmd: ['sh'], ...config },
    rootfs: { type: 'layers', diff_ids: tars.map(bytes => `sha256:${sha256(bytes)}`) },
  });
  const names = tars.map((_, index) => `layer${index}.tar`);
  return tar([
    { name: 'manifest.json', text: JSON.stringify([{ Config: 'config.json', RepoTags: [name], Layers: names }]) },
    { name: 'config.json', text: document },
    ...tars.map((text, index) => ({ name: names[index] ?? '', text })),
  ]);
}

/** Something of the host's that no container may see, change or make: a folder with one file. */
export interface Treasure {
  folder: string;
  file: string;
  secret: string;
  assertUntouched(): void;
  remove(): void;
}

/**
 * For a `describe`: an engine with busybox in it, whose environment holds the secret, on a host with a treasure. Afterwards
 * the treasure must be as it was.
 */
export function engineToAttack(): { readonly engine: NativeEngine; readonly treasure: Treasure } {
  const hidden = hideTreasure();
  let engine: NativeEngine | undefined;
  beforeAll(async () => {
    engine = await startNativeEngine({}, { env: { BERTH_TEST_SECRET: hidden.secret } });
    await engine.docker('load', '-q', '-i', await busyboxArchive());
  }, 60_000);
  afterAll(async () => {
    await engine?.stop();
    hidden.assertUntouched();
    hidden.remove();
  });
  return {
    get engine() {
      if (!engine) throw new Error('the engine has not started');
      return engine;
    },
    treasure: hidden,
  };
}

function hideTreasure(): Treasure {
  const folder = mkdtempSync(join(tmpdir(), 'treasure-'));
  const secret = `secret of the host ${process.pid}`;
  const file = join(folder, 'file');
  writeFileSync(file, secret);
  return {
    folder,
    file,
    secret,
    assertUntouched: () => {
      expect(readdirSync(folder)).toEqual(['file']);
      expect(readFileSync(file, 'utf8')).toBe(secret);
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/** Loads an image that is the busybox one with more layers on top. */
export async function loadHostile(engine: TestEngine, image: Buffer): Promise<void> {
  const { code, stderr } = await engine.tryDocker(['load', '-q'], { input: image });
  if (code !== 0) throw new Error(stderr);
}
