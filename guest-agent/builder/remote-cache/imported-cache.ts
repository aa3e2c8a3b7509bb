import { type Descriptor, isIndexType } from '../../../contracts/oci/descriptor.ts';
import { type DiffId, type Digest, isDigest } from '../../../contracts/oci/digest.ts';
import type { ImageConfig, ImageIndex, ImageManifest } from '../../../contracts/oci/image-spec.ts';
import { type BlobOrigin, type Image, ownPlatform } from '../../images/index.ts';
import type { BuilderOptions } from '../contract.ts';
import {
  type CacheConfig,
  type CacheRecordDocument,
  cacheConfigType,
  chainsIn,
  createdAnnotation,
  diffIdAnnotation,
  inlineField,
  type RemoteLayer,
} from './config.ts';

/** Documents and layers of a cache, by their digests. @throws when one is not there */
export interface CacheSource extends BlobOrigin {
  /** What the cache begins with. */
  root(): Promise<Buffer>;
  document(descriptor: Pick<Descriptor, 'digest' | 'mediaType' | 'size'>): Promise<Buffer>;
}

/** A cache of steps that is kept elsewhere; its layers come when a step wants them. */
export class ImportedCache {
  readonly #chains: ReadonlyMap<string, RemoteLayer[]>;
  readonly #source: CacheSource;
  readonly #images: BuilderOptions['images'];
  readonly #signal: AbortSignal;

  private constructor(
    chains: ReadonlyMap<string, RemoteLayer[]>,
    source: CacheSource,
    { images, signal }: { images: BuilderOptions['images']; signal: AbortSignal },
  ) {
    this.#chains = chains;
    this.#source = source;
    this.#images = images;
    this.#signal = signal;
  }

  /** Reads which steps there are. @throws when it is no cache that can be read */
  static async open(
    source: CacheSource,
    rooms: { images: BuilderOptions['images']; signal: AbortSignal },
  ): Promise<ImportedCache> {
    return new ImportedCache(await readChains(await source.root(), source), source, rooms);
  }

  /** The image that a step made somewhere else, once its layers are here. */
  async find(key: string): Promise<Image | undefined> {
    const layers = this.#chains.get(key);
    if (!layers) return undefined;
    const { architecture, os, variant } = ownPlatform();
    const config = { architecture, os, ...(variant ? { variant } : {}), created: createdOf(layers) };
    return this.#images.obtain({ layers, from: this.#source, config, signal: this.#signal });
  }
}

const createdOf = (layers: readonly RemoteLayer[]): string =>
  layers.at(-1)?.descriptor.annotations?.[createdAnnotation] ?? new Date(0).toISOString();

/** A cache's own manifest or index, or an image that has its records inside. */
async function readChains(body: Buffer, source: CacheSource): Promise<Map<string, RemoteLayer[]>> {
  const document = JSON.parse(body.toString()) as Partial<ImageManifest> & Partial<ImageIndex>;
  const listed = document.manifests ?? [];
  const config = listed.find(({ mediaType }) => mediaType === cacheConfigType) ?? document.config;
  if (config?.mediaType === cacheConfigType) {
    const layers = (document.layers ?? listed).flatMap(each =>
      toRemoteLayer(each, each.annotations?.[diffIdAnnotation]),
    );
    return chainsIn(JSON.parse((await source.document(config)).toString()) as CacheConfig, byDigest(layers));
  }
  if (config) return inlineChains(document.layers ?? [], await source.document(config));
  const chains = new Map<string, RemoteLayer[]>();
  for (const each of listed.filter(({ mediaType }) => !isIndexType(mediaType))) {
    for (const [key, chain] of await readChains(await source.document(each), source)) chains.set(key, chain);
  }
  return chains;
}

function inlineChains(layers: readonly Descriptor[], config: Buffer): Map<string, RemoteLayer[]> {
  const image = JSON.parse(config.toString()) as ImageConfig & { [inlineField]?: string };
  const said = image[inlineField];
  const diffIds = image.rootfs?.diff_ids ?? [];
  if (said === undefined || diffIds.length !== layers.length) return new Map();
  const records = JSON.parse(Buffer.from(said, 'base64').toString()) as CacheRecordDocument[];
  const remote = layers.flatMap((descriptor, place) => toRemoteLayer(descriptor, diffIds[place]));
  const places = layers.map(({ digest }, place) => ({ blob: digest, parent: place - 1 }));
  return chainsIn({ layers: places, records }, byDigest(remote));
}

/** Whoever keeps the cache may have written anything: what is no digest is no layer. */
function toRemoteLayer(descriptor: Descriptor, diffId: string | undefined): RemoteLayer[] {
  const { digest, size } = descriptor;
  const isLayer = isDigest(digest) && size >= 0 && diffId !== undefined && isDigest(diffId);
  return isLayer ? [{ descriptor, diffId: diffId as DiffId }] : [];
}

const byDigest = (layers: readonly RemoteLayer[]): Map<Digest, RemoteLayer> =>
  new Map(layers.map(layer => [layer.descriptor.digest, layer]));
