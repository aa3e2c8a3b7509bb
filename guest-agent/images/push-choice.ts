import { conflict, notFound } from '../../contracts/errors.ts';
import type { Platform } from '../../contracts/oci/image-spec.ts';
import type { ContentStore } from '../content/index.ts';
import { leavesOf } from './index-documents.ts';
import { parseConfig } from './manifests.ts';
import { bestFor, formatPlatform } from './platform.ts';
import type { PlatformsMember, PlatformsRecord } from './platforms-record.ts';

interface ChoiceRooms {
  content: ContentStore;
  platform: Platform;
  /** What the user calls it. */
  name: string;
  wanted: Platform | undefined;
}

/**
 * The platform of an index that a push sends alone: the wanted one, or what there is where others are missing. Nothing where
 * the whole index can be sent. The rules are dockerd's with containerd's store. @throws conflict in its words
 */
export function choosePushed(record: PlatformsRecord, rooms: ChoiceRooms): PlatformsMember | undefined {
  const { content, platform, name, wanted } = rooms;
  const { members, blobs, descriptor } = record;
  const here = new Set([...members.map(({ manifest }) => manifest), ...blobs]);
  const offers = members.map(member => ({ member, platform: parseConfig(content.readSync(member.id)) }));
  if (wanted) return bestFor(offers, wanted)?.member ?? notProvided(name, wanted);
  const isWhole =
    content.has(descriptor.digest) && leavesOf(descriptor, content).every(({ digest }) => here.has(digest));
  if (isWhole) return undefined;
  const [only, ...others] = members;
  const chosen = others.length === 0 ? only : bestFor(offers, platform)?.member;
  if (chosen) return chosen;
  throw conflict('multiple matching manifests found but no specific platform requested');
}

/** @throws not-found in its words */
export function notProvided(name: string, wanted: Platform): never {
  const platform = formatPlatform(wanted);
  throw notFound(`image with reference ${name} was found but does not provide the specified platform (${platform})`);
}
