import { conflict } from '../../contracts/errors.ts';
import { type Digest, hexOf } from '../../contracts/oci/digest.ts';
import { familiar, type Reference, toText } from '../../contracts/oci/reference.ts';
import { type Image, sameRepository } from './image.ts';

/** A container that was made from an image. */
export interface ContainerUse {
  /** 64 digits. */
  id: string;
  running: boolean;
}

/** What a removal takes away: names, and perhaps the image with them. */
export interface Removal {
  untag: Reference[];
  deleteImage: boolean;
}

export interface RemovalRequest {
  image: Image;
  /** As the user typed it; undefined when it was an id. */
  name: { typed: string; reference: Reference } | undefined;
  force: boolean;
  uses: readonly ContainerUse[];
}

const short = (id: string): string => id.slice(0, 12);

/**
 * What `docker rmi` may take away; the rules are dockerd's. A name goes first; the image follows when that was its
 * last one. By id, all names go if they are in one repository.
 * @throws conflict in dockerd's words.
 */
export function planRemoval({ image, name, force, uses }: RemovalRequest): Removal {
  const names = [...image.references, ...image.digestReferences];
  const untag = name ? untagByName(image, names, name, { force, uses }) : untagById(image, names, { force, uses });
  const left = names.filter(candidate => !untag.some(gone => toText(gone) === toText(candidate)));
  if (name && left.length > 0) return { untag, deleteImage: false };
  checkRunning(image.id, uses);
  if (!force) checkSoft(image.id, left, uses);
  return { untag: [...untag, ...left], deleteImage: true };
}

function untagByName(
  image: Image,
  names: Reference[],
  { typed, reference }: { typed: string; reference: Reference },
  { force, uses }: { force: boolean; uses: readonly ContainerUse[] },
): Reference[] {
  const [user] = uses;
  if (!force && user && isSingleReference(names)) {
    throw conflict(
      `conflict: unable to remove repository reference "${typed}" (must force) - ` +
        `container ${short(user.id)} is using its referenced image ${short(hexOf(image.id))}`,
    );
  }
  const others = names.filter(candidate => toText(candidate) !== toText(reference));
  const tagsLeft = others.some(other => !other.digest && sameRepository(other, reference));
  if (reference.digest || tagsLeft) return [reference];
  // The digests of a repository have no use without its tags.
  return [reference, ...others.filter(other => other.digest && sameRepository(other, reference))];
}

function untagById(
  image: Image,
  names: Reference[],
  { force, uses }: { force: boolean; uses: readonly ContainerUse[] },
): Reference[] {
  if (!isSingleReference(names)) return [];
  checkRunning(image.id, uses);
  if (!force) checkSoft(image.id, [], uses);
  return names;
}

/** One tag at most, and everything in one repository. */
function isSingleReference(names: readonly Reference[]): boolean {
  const [first] = names;
  const tags = names.filter(name => !name.digest);
  const main = tags[0] ?? first;
  return main !== undefined && tags.length <= 1 && names.every(name => sameRepository(name, main));
}

function checkRunning(id: Digest, uses: readonly ContainerUse[]): void {
  const running = uses.find(use => use.running);
  if (running) throw refusal(id, 'cannot be forced', `image is being used by running container ${short(running.id)}`);
}

function checkSoft(id: Digest, names: readonly Reference[], uses: readonly ContainerUse[]): void {
  if (names.length > 0) throw refusal(id, 'must be forced', 'image is referenced in multiple repositories');
  const [stopped] = uses;
  if (stopped) throw refusal(id, 'must be forced', `image is being used by stopped container ${short(stopped.id)}`);
}

const refusal = (id: Digest, force: string, why: string) =>
  conflict(`conflict: unable to delete ${short(hexOf(id))} (${force}) - ${why}`);

/** The lines of `docker rmi` for names that went. */
export const untaggedItems = (names: readonly Reference[]): { Untagged: string }[] =>
  names.map(name => ({ Untagged: familiar(name) }));
