import type { Compression, Descriptor } from '../../contracts/oci/descriptor.ts';
import type { ChainId, Digest } from '../../contracts/oci/digest.ts';
import type { ImageConfig } from '../../contracts/oci/image-spec.ts';
import { familiarName, type Reference, repositoryOf, toText } from '../../contracts/oci/reference.ts';
import { chainIdsOf } from './chain-ids.ts';
import type { PlatformsRecord } from './platforms-record.ts';

/** An image of this engine; a snapshot that never changes. */
export interface Image {
  /** The digest of its configuration. */
  id: Digest;
  config: ImageConfig;
  /** The configuration's very bytes. */
  configText: string;
  /** Its tags. */
  references: Reference[];
  /** `busybox@sha256:…`: what registries call it. */
  repoDigests: string[];
  /** The same, as references. */
  digestReferences: Reference[];
  /** Of each layer with all below it, lowest first. */
  chainIds: ChainId[];
  /** The uppermost; an image without layers has none. */
  topChainId: ChainId | undefined;
  /** Bytes of all layers, unpacked. */
  size: number;
  createdAt: Date;
  /** When a tag was last given to it. */
  taggedAt: Date | undefined;
  /** What the registry that it came from calls it; absent for a loaded image. */
  manifest: Descriptor | undefined;
  /** The choice of platforms that it is one of. */
  platforms: PlatformsRecord | undefined;
  /** The other platforms of its names that are here. */
  siblings: Digest[];
  /** Lowest first. */
  layers: LayerBlob[];
}

/** A layer as it came, from a registry or an archive; a blob in the content store where its files do not give it back. */
export interface LayerBlob extends Descriptor {
  compression: Compression;
  /** Of the layer that it holds, with all below it. */
  chainId: ChainId;
  /** As it was packed here, for a registry that had no form of it. */
  packed?: Descriptor & { compression: Compression };
}

/** What is saved of an image; everything else follows from its configuration. */
export interface ImageRecord {
  id: Digest;
  layers: LayerBlob[];
  manifest?: Descriptor;
  /** RFC 3339. */
  taggedAt?: string;
  /** A build's step, not an image that somebody asked for: no list shows it, and only the builder removes it. */
  intermediate?: boolean;
}

/** `null` in JSON is a date that nobody knows. */
export const createdAtOf = (config: ImageConfig): Date => {
  const date = new Date(config.created ?? 0);
  return Number.isNaN(date.getTime()) ? new Date(0) : date;
};

/** How an image is spoken of. */
export interface ImageNames {
  names: readonly Reference[];
  platforms: PlatformsRecord | undefined;
  siblings: Digest[];
}

/** The image that a record, its configuration and the names for it make. */
export function toImage(
  record: ImageRecord,
  configText: string,
  { names, platforms, siblings }: ImageNames,
  layerSize: (chainId: ChainId) => number,
): Image {
  const config = JSON.parse(configText) as ImageConfig;
  const chainIds = chainIdsOf(config.rootfs.diff_ids);
  const digestReferences = names.filter(name => name.digest);
  return {
    id: record.id,
    config,
    configText,
    references: names.filter(name => !name.digest),
    repoDigests: digestReferences.map(name => `${familiarName(name)}@${name.digest}`),
    digestReferences,
    chainIds,
    topChainId: chainIds.at(-1),
    size: chainIds.reduce((sum, chainId) => sum + layerSize(chainId), 0),
    createdAt: createdAtOf(config),
    taggedAt: record.taggedAt ? new Date(record.taggedAt) : undefined,
    manifest: record.manifest,
    platforms,
    siblings,
    layers: record.layers,
  };
}

/** True when both belong to one repository. */
export const sameRepository = (a: Reference, b: Reference): boolean =>
  toText(repositoryOf(a)) === toText(repositoryOf(b));
