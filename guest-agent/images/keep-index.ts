import type { Descriptor } from '../../contracts/oci/descriptor.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import { type Reference, toText } from '../../contracts/oci/reference.ts';
import type { ContentStore } from '../content/index.ts';
import { digestOf } from './chain-ids.ts';
import type { ImageIndex } from './image-index.ts';
import type { LayerArchives } from './layer-archives.ts';
import { type PlatformImage, platformIndex } from './platform-index.ts';
import { addPlatforms } from './platforms-record.ts';
import { descriptorOf, type SavedImage, withManifest } from './saved-entries.ts';
import { statementDocuments } from './statements.ts';

interface IndexRooms {
  content: ContentStore;
  archives: LayerArchives;
}

/** An index of images that were made here, with what is said of them. Their manifests name layers that are not packed. */
export function indexOfImages(
  images: readonly PlatformImage[],
  rooms: IndexRooms,
): { saved: SavedImage[]; descriptor: Descriptor; body: Buffer; statements: Buffer[] } {
  const made = images.map(({ image, ...more }) => ({ saved: withManifest(image, rooms), ...more }));
  const said = made.flatMap(({ saved, statement }) =>
    statement ? [statementDocuments(statement, digestOf(saved.manifest))] : [],
  );
  const { mediaType, body } = platformIndex([
    ...made.map(({ saved, platform }) => ({ ...descriptorOf(saved.manifest), platform })),
    ...said.map(({ descriptor }) => descriptor),
  ]);
  const statements = said.flatMap(({ manifest, blobs }) => [manifest, ...blobs]);
  const descriptor = { mediaType, digest: digestOf(body), size: body.length };
  return { saved: made.map(({ saved }) => saved), descriptor, body, statements };
}

/** Images of a build for several platforms, under one name each of them; nothing is said of them here. Resolves with the digest of their index. */
export async function keepIndex(
  images: readonly PlatformImage[],
  references: readonly Reference[],
  { index, ...rooms }: IndexRooms & { index: ImageIndex },
): Promise<Digest> {
  const plain = images.map(({ image, platform }) => ({ image, platform }));
  const { saved, descriptor, body } = indexOfImages(plain, rooms);
  const lease = rooms.content.lease();
  try {
    for (const bytes of [body, ...saved.map(({ manifest }) => manifest)]) {
      lease.protect(digestOf(bytes));
      await rooms.content.put(bytes);
    }
    const members = saved.map(({ image, manifest }) => ({ manifest: digestOf(manifest), id: image.id }));
    await index.update(draft => {
      addPlatforms(draft, { descriptor, members, blobs: [] });
      for (const reference of references) draft.references.set(toText(reference), descriptor.digest);
    });
    return descriptor.digest;
  } finally {
    lease.release();
  }
}
