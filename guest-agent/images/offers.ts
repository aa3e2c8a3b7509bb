import type { Descriptor } from '../../contracts/oci/descriptor.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import type { ContentStore } from '../content/index.ts';
import type { Image } from './image.ts';
import { isStatement, leavesOf } from './index-documents.ts';
import type { PlatformsRecord } from './platforms-record.ts';

/** One manifest of an index. */
export interface PlatformOffer {
  descriptor: Descriptor;
  /** All of it is here. */
  available: boolean;
  /** The image that it is, where that is here. */
  image: Image | undefined;
  /** For a statement about how an image was made: the digest of that one's manifest (BuildKit, attestation-storage.md). */
  statementFor: Digest | undefined;
}

/** What an index offers, and those inside it; nothing where it is gone. */
export function offersIn(
  record: PlatformsRecord | undefined,
  content: ContentStore,
  imageOf: (id: Digest) => Image,
): PlatformOffer[] {
  if (!record || !content.has(record.descriptor.digest)) return [];
  return leavesOf(record.descriptor, content).map(descriptor => {
    const member = record.members.find(({ manifest }) => manifest === descriptor.digest);
    return {
      descriptor,
      available: member !== undefined || record.blobs.includes(descriptor.digest),
      image: member && imageOf(member.id),
      statementFor: isStatement(descriptor)
        ? (descriptor.annotations?.['vnd.docker.reference.digest'] as Digest | undefined)
        : undefined,
    };
  });
}
