import { Readable } from 'node:stream';
import type { JsonMessage } from '../../contracts/docker/common.ts';
import { invalidArgument } from '../../contracts/errors.ts';
import type { Platform } from '../../contracts/oci/image-spec.ts';
import { familiar, type Reference, tagOf, withTag } from '../../contracts/oci/reference.ts';
import { ownPlatform, parsePlatform, progressBar, tarIn } from '../images/index.ts';
import { runConfig } from './commit.ts';
import { changedConfig } from './config-changes.ts';
import type { EngineContext } from './context.ts';

export interface ImportRequest {
  /** `-` for what comes with the request, else an address. */
  source: string;
  input: Readable;
  repository: string;
  tag?: string;
  message: string;
  /** Instructions of a Dockerfile. */
  changes: readonly string[];
  platform?: string;
  progress: (message: JsonMessage) => void;
  signal: AbortSignal;
}

/** `docker import`: a tar of a root becomes an image of one layer. Its id is the last message. @throws in Docker's words */
export async function importImage(request: ImportRequest, context: EngineContext): Promise<void> {
  const { source, progress, signal } = request;
  const { images } = context.rooms;
  const platform = request.platform ? platformAsTyped(request.platform) : ownPlatform();
  const reference = referenceOf(request);
  const config = changedConfig({}, request.changes);
  const tar = await tarIn(source === '-' ? request.input : await downloaded(request, context), signal);
  const created = new Date().toISOString();
  const comment = request.message || `Imported from ${source}`;
  const image = await images.commitLayer({
    parent: undefined,
    tar,
    config: { ...platform, created, comment, config: runConfig(config) },
    step: { created, comment },
  });
  if (reference) {
    await images.tag(image.id, reference);
    context.events.emit({ type: 'image', action: 'tag', id: image.id, attributes: { name: familiar(reference) } });
  }
  context.events.emit({ type: 'image', action: 'import', id: image.id, attributes: { name: image.id } });
  progress({ status: image.id });
}

/** Of what is the same in containerd's eyes, that which was typed is written down. @throws invalid-argument in Docker's words */
function platformAsTyped(text: string): Platform {
  const { os, architecture, variant } = parsePlatform(text, ownPlatform());
  if (os !== 'linux') throw invalidArgument('operating system is not supported');
  const isWhole = text.split('/').length === 3;
  if (architecture === 'arm64' && isWhole) return { os, architecture, variant: variant ?? 'v8' };
  if (variant === undefined || (architecture === 'arm' && variant === 'v7' && !isWhole)) return { os, architecture };
  return { os, architecture, variant };
}

function referenceOf({ repository, tag }: ImportRequest): Reference | undefined {
  if (repository === '') return undefined;
  const named = withTag(repository, tag);
  if (named.digest) throw invalidArgument('cannot import digest reference');
  return tagOf(named);
}

/** An address without a scheme is one of the web, as in Docker. */
async function downloaded({ source, progress, signal }: ImportRequest, context: EngineContext): Promise<Readable> {
  const url = source.includes('://') ? source : `http://${source}`;
  const { stream, size } = await context.rooms.registry.download(url, signal);
  progress({ status: `Downloading from ${url}` });
  return Readable.from(counted(stream, size, progress), { objectMode: false });
}

async function* counted(
  stream: Readable,
  total: number | undefined,
  progress: ImportRequest['progress'],
): AsyncGenerator<Buffer> {
  let current = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    current += chunk.length;
    const bar = progressBar(current, total ?? 0);
    progress({ status: 'Importing', progressDetail: { current, ...(total ? { total } : {}) }, progress: bar });
    yield chunk;
  }
}
