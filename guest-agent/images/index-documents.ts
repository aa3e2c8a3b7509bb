import { invalidArgument } from '../../contracts/errors.ts';
import { type Descriptor, isIndexType } from '../../contracts/oci/descriptor.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import type { ContentStore } from '../content/index.ts';
import { parseManifest } from './manifests.ts';

/** An index may name another one. */
export const deepestIndex = 4;

export const statementKind = 'vnd.docker.reference.type';
/** Which manifest it is about. */
export const statementFor = 'vnd.docker.reference.digest';

/** True for a statement about how an image was made, which travels like an image (BuildKit, attestation-storage.md). */
export const isStatement = ({ annotations }: Descriptor): boolean =>
  annotations?.[statementKind] === 'attestation-manifest';

/** True for what may be an image: not a statement, not an artifact of another kind. */
export const isImage = (entry: Descriptor): boolean =>
  !isStatement(entry) && entry.artifactType === undefined && entry.platform?.os !== 'unknown';

/** What an index names, in its order. @throws invalid-argument for what is none. */
export function entriesOf(body: Buffer, mediaType: string): Descriptor[] {
  const document = parseManifest(body, mediaType);
  if (document.kind === 'manifest') throw invalidArgument('index: expected index but found manifest');
  return document.index.manifests;
}

/**
 * What an index names that is no index, in its order, as far as the indexes inside it are here. Each of these counts once:
 * a few that name each other again and again would be more than anybody could list.
 */
export function leavesOf(index: Descriptor, content: ContentStore, seen = new Set<Digest>()): Descriptor[] {
  if (seen.has(index.digest) || !content.has(index.digest)) return [];
  seen.add(index.digest);
  return entriesOf(content.readSync(index.digest), index.mediaType).flatMap(entry =>
    isIndexType(entry.mediaType) ? leavesOf(entry, content, seen) : [entry],
  );
}

/** What a manifest of any kind names: its configuration and its layers. Nothing for what is no manifest. */
export function blobsNamedIn(body: Buffer): Descriptor[] {
  const {
    config,
    layers = [],
    blobs = [],
  } = JSON.parse(body.toString('utf8')) as {
    config?: Descriptor;
    layers?: Descriptor[];
    blobs?: Descriptor[];
  };
  return [...(config ? [config] : []), ...layers, ...blobs];
}

/**
 * An index of the manifests as they are now: its very bytes where none of them changed. What is not in `now` is left out;
 * statements follow the images that they are about.
 */
export function indexOfNow(body: Buffer, now: ReadonlyMap<Digest, Descriptor>): Buffer {
  const document = JSON.parse(body.toString('utf8')) as { manifests: Descriptor[] };
  const isSame = document.manifests.every(({ digest }) => now.get(digest)?.digest === digest);
  if (isSame) return body;
  const manifests = document.manifests.flatMap(entry => {
    const descriptor = now.get(entry.digest);
    return descriptor ? [asNow(entry, descriptor, now)] : [];
  });
  return Buffer.from(JSON.stringify({ ...document, manifests }));
}

function asNow(entry: Descriptor, { mediaType, digest, size }: Descriptor, now: ReadonlyMap<Digest, Descriptor>) {
  const { annotations } = entry;
  const about = annotations && now.get(annotations[statementFor] as Digest);
  const told = about ? { annotations: { ...annotations, [statementFor]: about.digest } } : {};
  return { ...entry, mediaType, digest, size, ...told };
}
