import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach } from 'vitest';
import { createLog } from '../../../base/log.ts';
import { type Archive, openArchive } from '../../../guest-agent/archive/index.ts';
import type { TarEntry } from '../../../guest-agent/archive/tar-format.ts';
import { encodeHeader, endOfArchive, padding } from '../../../guest-agent/archive/tar-writer.ts';

/** These tests make devices and mounts. */
export const canRun = process.platform === 'linux' && process.getuid?.() === 0;
if (!canRun) console.warn('skipped: needs Linux and root');

export const quiet = createLog({ write: () => undefined });

export const newArchive = (): Archive =>
  openArchive({
    workerFile: fileURLToPath(new URL('../../../guest-agent/archive/worker.ts', import.meta.url)),
    log: quiet,
  });

/** A folder that is removed at the end of the test. */
export function temporaryFolder(inside = tmpdir()): { path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(inside, 'berth-store-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** For a `describe`: an archive and, for each test, a folder with an empty `layer` in it. `at`: a path in that folder. */
export function layerWorkshop(): { archive: Archive; at(path: string): string } {
  const archive = newArchive();
  let folder: ReturnType<typeof temporaryFolder>;
  beforeEach(() => {
    folder = temporaryFolder();
    mkdirSync(join(folder.path, 'layer'));
  });
  afterEach(() => folder[Symbol.dispose]());
  afterAll(() => archive.close());
  return { archive, at: path => join(folder.path, path) };
}

export type MemberFields = Partial<TarEntry> & { name: string; contents?: string };

/** A tar of the given members. */
export function tarOf(...members: MemberFields[]): Buffer {
  const parts = members.map(({ contents = '', ...fields }) => {
    const entry: TarEntry = {
      type: 'file',
      mode: fields.type === 'directory' ? 0o755 : 0o644,
      uid: 0,
      gid: 0,
      size: Buffer.byteLength(contents),
      mtime: { seconds: 1_700_000_000, nanoseconds: 0 },
      linkName: '',
      device: { major: 0, minor: 0 },
      xattrs: new Map(),
      ...fields,
    };
    return Buffer.concat([encodeHeader(entry), Buffer.from(contents), padding(entry.size)]);
  });
  return Buffer.concat([...parts, endOfArchive()]);
}

export const descriptorCount = (): number => readdirSync('/proc/self/fd').length;
