import type { Descriptor } from '../../contracts/oci/descriptor.ts';
import { type Digest, hexOf } from '../../contracts/oci/digest.ts';
import type { ContentStore } from '../content/index.ts';
import { digestOf } from './chain-ids.ts';
import { blobsNamedIn } from './index-documents.ts';

/** A statement's manifest, and the blobs that had to be written anew for it. */
export interface Restated {
  manifest: Buffer;
  blobs: Buffer[];
}

/** Longer ones are left as they are. */
const longestStatement = 64 << 20;

/**
 * A statement about manifests that are called something else by now, as an image is that was packed anew: `now` says what each
 * was and what it is. In-toto's subjects are digests of manifests; they are replaced where they stand, and nothing else of the
 * text is. An envelope that is signed hides them, and stays as it is: its subject is the image as its author packed it.
 */
export function restated(body: Buffer, now: ReadonlyMap<Digest, Descriptor>, content: ContentStore): Restated {
  const names = new Map([...now].map(([was, { digest }]): [Digest, Digest] => [was, digest]));
  const blobs: Buffer[] = [];
  for (const { digest, mediaType, size } of blobsNamedIn(body).toReversed()) {
    if (!mediaType.endsWith('json') || size > longestStatement) continue; // the configuration comes last, and names the others
    const blob = renamed(content.readSync(digest), names);
    const name = digestOf(blob);
    if (name === digest) continue;
    names.set(digest, name);
    blobs.push(blob);
  }
  return { manifest: renamed(withSubject(body, now), names), blobs };
}

/** The field of OCI's manifests, which tells a length, too. */
function withSubject(body: Buffer, now: ReadonlyMap<Digest, Descriptor>): Buffer {
  const document = JSON.parse(body.toString('utf8')) as { subject?: Descriptor };
  const subject = document.subject && now.get(document.subject.digest);
  if (!subject || subject.digest === document.subject?.digest) return body;
  const { mediaType, digest, size } = subject;
  return Buffer.from(JSON.stringify({ ...document, subject: { ...document.subject, mediaType, digest, size } }));
}

/** All digests have one length, and so has what is made of them. */
function renamed(bytes: Buffer, names: ReadonlyMap<Digest, Digest>): Buffer {
  const text = bytes.toString('latin1');
  let now = text;
  for (const [was, is] of names) if (was !== is) now = now.replaceAll(hexOf(was), hexOf(is));
  return now === text ? bytes : Buffer.from(now, 'latin1');
}
