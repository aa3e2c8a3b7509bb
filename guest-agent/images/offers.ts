import type { Descriptor } from '../../contracts/oci/descriptor.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import type { ContentStore } from '../content/index.ts';
import type { Image } from './image.ts';
import { parseManifest } from './manifests.ts';

/** One manifest of an index. */
export interface PlatformOffer {
  descriptor: Descriptor;
  /** The image that it is, where that is here. */
  image: Image | undefined;
  /** For a statement about how an image was made: the digest of that one's manifest (BuildKit, attestation-storage.md). */
  statementFor: Digest | undefined;
}

/** What an index offers; nothing where it is gone. */
export function offersIn(
  index: Descriptor | undefined,
  content: ContentStore,
  find: (manifest: Digest) => Image | undefined,
): PlatformOffer[] {
  if (!index || !content.has(index.digest)) return [];
  const document = parseManifest(content.readSync(index.digest), index.mediaType);
  if (document.kind === 'manifest') return [];
  return document.index.manifests.map(descriptor => ({
    descriptor,
    image: find(descriptor.digest),
    statementFor: statementFor(descriptor),
  }));
}

const statementFor = ({ annotations = {} }: Descriptor): Digest | undefined =>
  annotations['vnd.docker.reference.type'] === 'attestation-manifest'
    ? (annotations['vnd.docker.reference.digest'] as Digest | undefined)
    : undefined;
