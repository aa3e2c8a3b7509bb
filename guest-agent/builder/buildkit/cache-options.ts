import { invalidArgument, messageOf, notImplemented } from '../../../contracts/errors.ts';
import type { Digest } from '../../../contracts/oci/digest.ts';
import { parseReference, type Reference, withDefaultTag } from '../../../contracts/oci/reference.ts';
import { digestOf, type PlatformImage } from '../../images/index.ts';
import type { BuilderOptions } from '../contract.ts';
import { type CacheDocuments, cacheDocuments, layersOf, type PackedCacheLayer } from '../remote-cache/documents.ts';
import { CacheExchange } from '../remote-cache/exchange.ts';
import { type CacheSource, ImportedCache } from '../remote-cache/imported-cache.ts';
import { RegistryCache } from '../remote-cache/registry-cache.ts';
import { ClientContent } from './client-content.ts';
import { credentialsFor } from './credentials.ts';
import type { Progress } from './progress.ts';
import type { FrontendOptions } from './request.ts';
import type { Session } from './session.ts';

/** `--cache-to` and `--cache-from`, as a client hands them on. */
export interface CacheEntry {
  Type: string;
  Attrs: Readonly<Record<string, string>>;
}

export interface CacheRooms {
  options: BuilderOptions;
  progress: Progress;
  signal: AbortSignal;
  session: Session;
}

const internal = { text: '', line: undefined } as const;

/** @throws not-implemented, invalid-argument: before anything is built */
export function checkExports(exports: readonly CacheEntry[]): void {
  for (const { Type, Attrs } of exports) {
    if (!['inline', 'registry', 'local'].includes(Type)) {
      throw notImplemented(`exporting the build cache (type=${Type}) is not part of Berth`);
    }
    const packing = Attrs.compression ?? 'gzip';
    if (packing !== 'gzip') throw notImplemented(`a build cache with compression=${packing} is not part of Berth`);
    if (Type === 'registry') referenceIn(Attrs);
    if (Type === 'local' && !Attrs.dest) throw invalidArgument('local cache exporter requires dest');
  }
}

/** The caches that a frontend's options name: JSON, as BuildKit's clients have it. */
export const importsIn = (options: FrontendOptions): CacheEntry[] =>
  JSON.parse(options['cache-imports'] || '[]') as CacheEntry[];

/** Opens the caches that a build begins with. One that cannot be read is shown, and the build goes on without it. */
export async function openExchange(
  { imports, exports }: { imports: readonly CacheEntry[]; exports: readonly CacheEntry[] },
  rooms: CacheRooms,
): Promise<CacheExchange> {
  const unique = new Map(imports.map(entry => [nameOf(entry), entry])); // clients say it in two places
  const opened = await Promise.all([...unique.values()].map(entry => openImport(entry, rooms)));
  const inline = exports.some(({ Type }) => Type === 'inline');
  const failed = (error: string): void => rooms.options.log.warn('A layer of a build cache did not come', { error });
  return new CacheExchange(
    opened.filter(each => each !== undefined),
    inline,
    failed,
  );
}

async function openImport(entry: CacheEntry, rooms: CacheRooms): Promise<ImportedCache | undefined> {
  const told = rooms.progress.step({ name: `importing cache manifest from ${nameOf(entry)}`, ...internal });
  try {
    const source = await sourceOf(entry, rooms);
    const opened = await ImportedCache.open(source, { images: rooms.options.images, signal: rooms.signal });
    told.done({ cached: false });
    return opened;
  } catch (error) {
    told.failed(error);
    return undefined;
  }
}

const nameOf = ({ Type, Attrs }: CacheEntry): string => Attrs.ref ?? `${Type}:${Attrs.src ?? ''}@${Attrs.digest ?? ''}`;

async function sourceOf({ Type, Attrs }: CacheEntry, { options, session, signal }: CacheRooms): Promise<CacheSource> {
  if (Type === 'registry') {
    const reference = referenceIn(Attrs);
    const auth = await credentialsFor(session, reference.domain);
    return new RegistryCache(options.registry.repository(reference, auth), reference, signal);
  }
  if (Type !== 'local') throw notImplemented(`importing the build cache (type=${Type}) is not part of Berth`);
  if (!Attrs.digest) throw invalidArgument('local cache importer requires explicit digest');
  return new ClientContent(session, `local:${Attrs.src ?? ''}`, Attrs.digest);
}

function referenceIn({ ref }: CacheEntry['Attrs']): Reference {
  if (!ref) throw invalidArgument('registry cache requires ref');
  return withDefaultTag(parseReference(ref));
}

/** Gives what a build knows of its steps to whom it is for; what is returned is for the client. */
export async function exportCaches(
  exports: readonly CacheEntry[],
  { images, exchange }: { images: readonly PlatformImage[]; exchange: CacheExchange },
  rooms: CacheRooms,
): Promise<Record<string, string>> {
  const answer: Record<string, string> = {};
  for (const { Type, Attrs } of exports) {
    if (Type === 'inline') continue; // it is in the image
    const name = Type === 'local' ? 'exporting cache to client directory' : 'exporting cache to registry';
    const told = rooms.progress.step({ name, ...internal });
    try {
      const steps = exchange.steps(Attrs.mode === 'max' ? 'max' : 'min', images);
      const wish = { steps, layers: layersOf(steps), asIndex: isIndexWanted(Attrs) };
      Object.assign(answer, await (Type === 'local' ? toClient(wish, Attrs, rooms) : toRegistry(wish, Attrs, rooms)));
      told.done({ cached: false });
    } catch (error) {
      told.failed(error);
      if (Attrs['ignore-error'] !== 'true') throw error;
      rooms.options.log.warn('A build cache was not exported', { error: messageOf(error) });
    }
  }
  return answer;
}

interface Wish {
  steps: Parameters<typeof cacheDocuments>[0];
  layers: ReturnType<typeof layersOf>;
  asIndex: boolean;
}

const isIndexWanted = (attributes: CacheEntry['Attrs']): boolean =>
  (attributes['image-manifest'] ?? attributes['oci-mediatypes']) === 'false';

async function toRegistry(
  { steps, layers, asIndex }: Wish,
  attributes: CacheEntry['Attrs'],
  { options, session, signal }: CacheRooms,
): Promise<Record<string, string>> {
  const reference = referenceIn(attributes);
  const auth = await credentialsFor(session, reference.domain);
  let manifest: CacheDocuments['manifest'] = { mediaType: '', body: Buffer.alloc(0) };
  await options.images.pushLayers(reference, {
    ...(auth ? { auth } : {}),
    signal,
    progress: () => undefined,
    layers,
    describe: forms => {
      const packed = layers.flatMap((layer, place) => withForm(layer, forms[place]));
      const documents = cacheDocuments(steps, packed, asIndex);
      manifest = documents.manifest;
      return documents;
    },
  });
  return answerOf(manifest);
}

const withForm = (layer: Wish['layers'][number], form: PackedCacheLayer['form'] | undefined): PackedCacheLayer[] =>
  form ? [{ ...layer, form }] : [];

async function toClient(
  { steps, layers, asIndex }: Wish,
  { dest }: CacheEntry['Attrs'],
  { options, session, signal }: CacheRooms,
): Promise<Record<string, string>> {
  const content = new ClientContent(session, `local:${dest}`, '');
  const packed: PackedCacheLayer[] = [];
  for (const layer of layers) {
    const { form, open, close } = await options.images.packLayer(layer.layer, signal);
    try {
      await content.write({ ...form, open });
    } finally {
      await close();
    }
    packed.push({ ...layer, form });
  }
  const { document, manifest } = cacheDocuments(steps, packed, asIndex);
  for (const bytes of [document, manifest.body]) await content.writeDocument(bytes);
  return answerOf(manifest);
}

const answerOf = ({ mediaType, body }: { mediaType: string; body: Buffer }): Record<string, string> => {
  const digest: Digest = digestOf(body);
  return { 'cache.manifest': JSON.stringify({ mediaType, digest, size: body.length }) };
};
