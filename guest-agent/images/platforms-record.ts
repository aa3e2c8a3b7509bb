import type { Descriptor } from '../../contracts/oci/descriptor.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import { type Reference, toText } from '../../contracts/oci/reference.ts';
import type { ImageRecord } from './image.ts';

/** An index that is kept whole: one name for several platforms, as containerd's store of images has it. */
export interface PlatformsRecord {
  /** Of the index; its bytes are kept as they came. */
  descriptor: Descriptor;
  /** The platforms of it that are here. */
  members: readonly PlatformsMember[];
  /** What of it is here beside: indexes inside it, statements of how images were made, and what these name. */
  blobs: readonly Digest[];
}

export interface PlatformsMember {
  /** As the index names it. */
  manifest: Digest;
  /** The image. */
  id: Digest;
}

interface Names {
  readonly platforms: ReadonlyMap<Digest, PlatformsRecord>;
  readonly references: ReadonlyMap<string, Digest>;
}

interface Draft extends Names {
  images: Map<Digest, ImageRecord>;
  platforms: Map<Digest, PlatformsRecord>;
  references: Map<string, Digest>;
}

/** The images that a name's target stands for. */
export const imagesOf = ({ platforms }: Pick<Names, 'platforms'>, target: Digest): Digest[] =>
  platforms.get(target)?.members.map(({ id }) => id) ?? [target];

/** The indexes that an image is a platform of. */
export const platformsWith = ({ platforms }: Pick<Names, 'platforms'>, id: Digest): PlatformsRecord[] =>
  [...platforms.values()].filter(({ members }) => members.some(member => member.id === id));

/** Adds to what is known of an index. True where a platform of it was not here before. */
export function addPlatforms(draft: Pick<Draft, 'platforms'>, record: PlatformsRecord): boolean {
  const known = draft.platforms.get(record.descriptor.digest);
  const isKnown = ({ manifest, id }: PlatformsMember): boolean =>
    known?.members.some(member => member.manifest === manifest && member.id === id) ?? false;
  const added = record.members.filter(member => !isKnown(member));
  const blobs = record.blobs.filter(digest => !known?.blobs.includes(digest));
  if (known && added.length + blobs.length === 0) return false;
  const replaced = (member: PlatformsMember): boolean => added.some(({ manifest }) => manifest === member.manifest);
  draft.platforms.set(record.descriptor.digest, {
    descriptor: record.descriptor,
    members: [...(known?.members ?? []).filter(member => !replaced(member)), ...added],
    blobs: [...(known?.blobs ?? []), ...blobs],
  });
  return added.length > 0;
}

/** Takes names away; an index goes with the last of its own. Returns the images that then nothing stands for. */
export function dropNames(draft: Draft, names: readonly Reference[]): Digest[] {
  const targets = new Set(names.flatMap(name => draft.references.get(toText(name)) ?? []));
  for (const name of names) draft.references.delete(toText(name));
  return dropUnnamed(draft, targets);
}

/** Takes an image away, and the indexes without a name that it is in. Returns it, and the images that then nothing stands for. */
export function dropImage(draft: Draft, id: Digest): Digest[] {
  const indexes = platformsWith(draft, id).map(({ descriptor }) => descriptor.digest);
  const others = dropUnnamed(draft, indexes).filter(other => other !== id);
  for (const record of platformsWith(draft, id)) dropMember(draft, record, id);
  dropTarget(draft, id);
  for (const gone of [id, ...others]) draft.images.delete(gone);
  return [id, ...others];
}

/** Takes an image out of an index; one without images goes, with its names. True where nothing stands for the image then. */
export function dropMember(draft: Draft, { descriptor, members, blobs }: PlatformsRecord, id: Digest): boolean {
  const left = members.filter(member => member.id !== id);
  if (left.length > 0) draft.platforms.set(descriptor.digest, { descriptor, members: left, blobs });
  else dropTarget(draft, descriptor.digest);
  return isUnused(draft, id);
}

function dropUnnamed(draft: Draft, targets: Iterable<Digest>): Digest[] {
  const named = new Set(draft.references.values());
  const unnamed = [...targets].filter(target => !named.has(target));
  const images = new Set(unnamed.flatMap(target => imagesOf(draft, target)));
  for (const target of unnamed) draft.platforms.delete(target);
  return [...images].filter(id => isUnused(draft, id));
}

const isUnused = (draft: Draft, id: Digest): boolean =>
  !draft.references.values().some(target => target === id) && platformsWith(draft, id).length === 0;

function dropTarget(draft: Draft, target: Digest): void {
  draft.platforms.delete(target);
  for (const [name, its] of draft.references) if (its === target) draft.references.delete(name);
}
