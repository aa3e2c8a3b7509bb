import { type ChainId, type Digest, hexOf } from '../../contracts/oci/digest.ts';
import type { Platform } from '../../contracts/oci/image-spec.ts';
import { familiar, parseReference, type Reference, toText, withDefaultTag } from '../../contracts/oci/reference.ts';
import type { ContentStore } from '../content/index.ts';
import type { Snapshots } from '../snapshots/index.ts';
import { type Image, toImage } from './image.ts';
import type { ImageIndex, IndexState } from './image-index.ts';
import { noSuchImage } from './list.ts';
import { bestFor } from './platform.ts';
import { imagesOf, platformsWith } from './platforms-record.ts';

interface CatalogueRooms {
  index: ImageIndex;
  content: ContentStore;
  snapshots: Snapshots;
  /** The engine's own. */
  platform: Platform;
}

/** What there is, as its readers see it: images by any of their names. */
export class Catalogue {
  readonly #rooms: CatalogueRooms;
  readonly #configTexts = new Map<Digest, string>();
  #made: { state: IndexState | undefined; images: Map<Digest, Image> } = { state: undefined, images: new Map() };

  constructor(rooms: CatalogueRooms) {
    this.#rooms = rooms;
  }

  get #state(): IndexState {
    return this.#rooms.index.state;
  }

  /** By reference, id, or a prefix of an id; of several platforms the wanted one, or the engine's own. */
  find(name: string, platform?: Platform): Image | undefined {
    const target = this.target(name);
    if (target) return this.#best(imagesOf(this.#state, target), platform, target);
    const id = this.#findById(name);
    return id && (this.#best([id], platform) ?? this.#best(this.image(id).siblings, platform));
  }

  /** The images of a list: of several platforms the one that their names stand for, as large as all of them. */
  shown(): Image[] {
    const { images, platforms, references } = this.#state;
    const indexes = [...platforms.keys()].map(index => imagesOf(this.#state, index));
    const members = new Set(indexes.flat());
    const alone = [...images.values()].filter(({ id, intermediate }) => !intermediate && !members.has(id));
    const faces = new Set(indexes.flatMap(ids => this.#best(ids) ?? []));
    const shown = new Set([...faces].map(({ id }) => id));
    const parts = new Set(references.values().filter(target => members.has(target) && !shown.has(target)));
    return [
      ...alone.map(({ id }) => this.image(id)),
      ...parts.values().map(id => this.#byOwnNames(this.image(id))),
      ...faces.values().map(face => (face.siblings.length > 0 ? { ...face, size: this.#sizeWith(face) } : face)),
    ];
  }

  /** Made once for each state of the index: `docker run` and `docker ps` ask often. It speaks of `index`, where it is in several. */
  image(id: Digest, index?: Digest): Image {
    if (this.#made.state !== this.#state) this.#renew();
    const made = this.#made.images.get(id) ?? this.#makeImage(id);
    this.#made.images.set(id, made);
    const platforms = index && this.#state.platforms.get(index);
    return platforms && made.platforms !== platforms ? { ...made, platforms } : made;
  }

  /** What a tag or a digest names: an image, or an index. With both, the digest counts. */
  target(name: string): Digest | undefined {
    if (/^(sha256:)?[0-9a-f]{64}$/.test(name)) return undefined;
    return this.#state.references.get(toText(wholeReference(name)));
  }

  /** The name of the image that was typed. */
  referenceOf(name: string, { references, digestReferences }: Image): Reference {
    const wanted = wholeReference(name);
    return [...references, ...digestReferences].find(own => toText(own) === toText(wanted)) ?? wanted;
  }

  /** Bytes of the layer alone. */
  layerSize(chainId: ChainId): number {
    const { snapshots } = this.#rooms;
    return snapshots.hasLayer(chainId) ? snapshots.layerSize(chainId) : 0;
  }

  /** The one for the platform; without a wish the engine's own, or else the first. */
  #best(ids: readonly Digest[], platform?: Platform, index?: Digest): Image | undefined {
    const images = ids.map(id => this.image(id, index));
    if (images.length === 1 && !platform) return images[0];
    const offers = images.map(image => ({ image, platform: image.config }));
    const best = bestFor(offers, platform ?? this.#rooms.platform)?.image;
    return best ?? (platform ? undefined : images[0]);
  }

  #sizeWith({ id, siblings }: Image): number {
    const chainIds = new Set([id, ...siblings].flatMap(each => this.image(each).chainIds));
    return chainIds.values().reduce((sum, chainId) => sum + this.layerSize(chainId), 0);
  }

  /** A platform that has names beside those of its index, as if it were none. */
  #byOwnNames(image: Image): Image {
    const isOwn = (name: Reference): boolean => this.#state.references.get(toText(name)) === image.id;
    const references = image.references.filter(isOwn);
    const digestReferences = image.digestReferences.filter(isOwn);
    const repoDigests = digestReferences.map(familiar);
    return { ...image, references, digestReferences, repoDigests, platforms: undefined, siblings: [] };
  }

  #renew(): void {
    this.#made = { state: this.#state, images: new Map() };
    for (const id of this.#configTexts.keys()) if (!this.#state.images.has(id)) this.#configTexts.delete(id);
  }

  #makeImage(id: Digest): Image {
    const record = this.#state.images.get(id) ?? noSuchImage(id);
    const text = this.#configTexts.get(id) ?? this.#rooms.content.readSync(id).toString('utf8');
    this.#configTexts.set(id, text);
    const indexes = platformsWith(this.#state, id);
    const together = new Set(indexes.flatMap(({ members }) => members.map(member => member.id)));
    const siblings = [...together].filter(other => other !== id);
    const spoken = { names: this.#rooms.index.namesOf(id), platforms: indexes[0], siblings };
    return toImage(record, text, spoken, chainId => this.layerSize(chainId));
  }

  /** The one image whose id begins so; several are as good as none, as in dockerd. */
  #findById(name: string): Digest | undefined {
    const prefix = name.replace(/^sha256:/, '');
    if (!/^[0-9a-f]{1,64}$/.test(prefix)) return undefined;
    const matches = [...this.#state.images.keys()].filter(id => hexOf(id).startsWith(prefix));
    return matches.length === 1 ? matches[0] : undefined;
  }
}

/** With tag or digest, and of both the digest. */
function wholeReference(name: string): Reference {
  const reference = withDefaultTag(parseReference(name));
  return reference.digest ? { ...reference, tag: undefined } : reference;
}
