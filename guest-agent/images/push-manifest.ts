import { type Descriptor, mediaTypes } from '../../contracts/oci/descriptor.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import type { ContentStore } from '../content/index.ts';
import { parseManifest } from './manifests.ts';

/** A manifest on its way to a registry, and what it names. */
export interface PushedManifest {
  mediaType: string;
  body: Buffer;
  config: Descriptor;
  layers: Descriptor[];
}

/** True for a layer that everybody fetches from its author: registries do not keep it. */
export const isForeign = ({ urls, mediaType }: Descriptor): boolean =>
  (urls?.length ?? 0) > 0 && (mediaType === mediaTypes.dockerForeignLayer || mediaType.includes('nondistributable'));

/** The very manifest that the image came with. */
export function keptManifest(
  { manifest }: { manifest?: Descriptor | undefined },
  content: ContentStore,
): PushedManifest | undefined {
  if (!manifest || !content.has(manifest.digest)) return undefined;
  const body = content.readSync(manifest.digest);
  const document = parseManifest(body, manifest.mediaType);
  if (document.kind === 'index') return undefined;
  const { config, layers } = document.manifest;
  return { mediaType: manifest.mediaType, body, config, layers };
}

const dockerTypes = {
  none: mediaTypes.dockerLayer,
  gzip: mediaTypes.dockerLayerGzip,
  zstd: mediaTypes.dockerLayerZstd,
};

/** The manifest that dockerd would write; where a layer is packed as only OCI knows it, or somebody wants it so, OCI's. */
export function madeManifest(
  id: Digest,
  content: ContentStore,
  layers: readonly (Descriptor & { compression: keyof typeof dockerTypes })[],
  isOci: boolean,
): PushedManifest {
  const isDocker = !isOci && layers.every(({ compression }) => compression !== 'zstd');
  const mediaType = isDocker ? mediaTypes.dockerManifest : mediaTypes.ociManifest;
  const config = {
    mediaType: isDocker ? mediaTypes.dockerConfig : mediaTypes.ociConfig,
    size: content.sizeOf(id),
    digest: id,
  };
  const described = layers.map(({ mediaType: own, compression, size, digest }) => ({
    mediaType: isDocker ? dockerTypes[compression] : own,
    size,
    digest,
  }));
  const document = { schemaVersion: 2, mediaType, config, layers: described };
  return { mediaType, body: Buffer.from(JSON.stringify(document, null, 3)), config, layers: described };
}
