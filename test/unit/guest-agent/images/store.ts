import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../../../../base/log.ts';
import type { JsonMessage } from '../../../../contracts/docker/common.ts';
import { parseReference } from '../../../../contracts/oci/reference.ts';
import { openContentStore } from '../../../../guest-agent/content/index.ts';
import { type ImagesOptions, openImages, type PullOptions } from '../../../../guest-agent/images/index.ts';
import { openRegistry } from '../../../../guest-agent/registry/index.ts';
import { FakeArchive } from '../../../fakes/fake-archive.ts';
import { FakeSnapshots } from '../../../fakes/fake-snapshots.ts';

/** An images room over a folder of its own, with a real content store and a real client of registries. */
export async function openStore(settings: Partial<ImagesOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'images-'));
  const snapshots = new FakeSnapshots();
  const archive = new FakeArchive();
  const log = createLog({ level: 'error' });
  const content = openContentStore(join(folder, 'content'));
  const registry = openRegistry({ log, idleTimeoutMs: 2000 });
  const open = async () => {
    const images = openImages({
      root: join(folder, 'images'),
      content,
      snapshots: snapshots.asSnapshots(),
      archive: archive.asArchive(),
      registry,
      platform: { os: 'linux', architecture: 'amd64' },
      log,
      retryDelayMs: 5,
      ...settings,
    });
    await images.sweep();
    return images;
  };
  const images = await open();
  const names = (...path: string[]): string[] => readdirSync(join(folder, ...path)).sort();
  return {
    folder,
    images,
    content,
    snapshots,
    archive,
    reopen: open,
    /** Everything that a failed pull must not leave. */
    halfMade: () => ({
      drafts: [...snapshots.drafts],
      images: images.list().length,
      spools: names('content', 'ingest'),
    }),
    blobs: () => names('content', 'blobs', 'sha256'),
    /** Pulls, and returns the lines that Docker's clients would see. */
    async pull(name: string, options: Partial<PullOptions> = {}) {
      const messages: JsonMessage[] = [];
      const signal = new AbortController().signal;
      const progress = (message: JsonMessage): number => messages.push(message);
      const image = await images.pull(parseReference(name), { progress, signal, ...options });
      return { image, messages, lines: messages.map(lineOf) };
    },
    close(): void {
      registry.close();
      snapshots.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export type Store = Awaited<ReturnType<typeof openStore>>;

export const lineOf = ({ id, status }: JsonMessage): string => (id ? `${id}: ${status}` : (status ?? ''));
