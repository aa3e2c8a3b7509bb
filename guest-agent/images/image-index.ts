import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { quarantine, readJsonFile, writeJsonFile } from '../../base/json-file.ts';
import type { Log } from '../../base/log.ts';
import { Mailbox } from '../../base/mailbox.ts';
import { type ChainId, type Digest, isDigest } from '../../contracts/oci/digest.ts';
import { parseReference, type Reference, toText } from '../../contracts/oci/reference.ts';
import type { ImageRecord, LayerBlob } from './image.ts';
import { imagesOf, type PlatformsRecord } from './platforms-record.ts';

/** What there is, as data. Replaced as a whole, never changed. */
export interface IndexState {
  readonly images: ReadonlyMap<Digest, ImageRecord>;
  /** Choices of platforms, by the digest of their index. */
  readonly platforms: ReadonlyMap<Digest, PlatformsRecord>;
  /** Whole reference → image, or a choice of platforms. */
  readonly references: ReadonlyMap<string, Digest>;
}

interface IndexDocument {
  version: 1 | 2;
  images: Record<string, ImageRecord>;
  /** Since version 2. */
  platforms?: Record<string, PlatformsRecord>;
  references: Record<string, Digest>;
}

/** A change of the index, made on copies. */
export interface IndexDraft {
  images: Map<Digest, ImageRecord>;
  platforms: Map<Digest, PlatformsRecord>;
  references: Map<string, Digest>;
}

/**
 * Which images there are, and what they are called: one file, `references.json`, replaced atomically, so that a
 * tag never names an image that is not there. Memory follows the disk, never the other way round.
 */
export class ImageIndex {
  readonly #path: string;
  readonly #mailbox = new Mailbox();
  #state: IndexState;
  /** Where the list went that could not be read: what it named is not known any more. */
  readonly putAside: string | undefined;

  private constructor(path: string, state: IndexState, putAside?: string) {
    this.#path = path;
    this.#state = state;
    this.putAside = putAside;
  }

  /** A file that cannot be read is put aside. */
  static open(root: string, log: Log): ImageIndex {
    mkdirSync(root, { recursive: true, mode: 0o700 });
    const path = join(root, 'references.json');
    try {
      return new ImageIndex(path, toState(readJsonFile(path)));
    } catch (error) {
      const where = quarantine(path, join(root, 'quarantine'));
      log.error('the list of images could not be read and was put aside', { where, error });
      return new ImageIndex(path, toState(undefined), where);
    }
  }

  get state(): IndexState {
    return this.#state;
  }

  /** The names of an image, tags first, each kind sorted. */
  namesOf(id: Digest): Reference[] {
    const names: Reference[] = [];
    for (const [text, target] of this.#state.references) {
      if (imagesOf(this.#state, target).includes(id)) names.push(parseReference(text));
    }
    const rank = (name: Reference): string => (name.digest ? '1' : '0') + toText(name);
    return names.sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
  }

  /** How the layer is kept, whichever image it belongs to. */
  layer(chainId: ChainId): LayerBlob | undefined {
    for (const { layers } of this.#state.images.values()) {
      const layer = layers.find(candidate => candidate.chainId === chainId);
      if (layer) return layer;
    }
    return undefined;
  }

  /** How layers are kept now: a push may have packed them since somebody looked. */
  fresh(layers: readonly LayerBlob[]): LayerBlob[] {
    return layers.map(layer => this.layer(layer.chainId) ?? layer);
  }

  /** Runs `change` after all changes before it, and saves what it made; what it returns comes back once that is durable. */
  update<T>(change: (draft: IndexDraft) => T): Promise<T> {
    return this.#mailbox.run(async () => {
      const draft: IndexDraft = {
        images: new Map(this.#state.images),
        platforms: new Map(this.#state.platforms),
        references: new Map(this.#state.references),
      };
      const result = change(draft);
      const isSame =
        sameEntries(draft.images, this.#state.images) &&
        sameEntries(draft.platforms, this.#state.platforms) &&
        sameEntries(draft.references, this.#state.references);
      if (isSame) return result;
      await writeJsonFile(this.#path, toDocument(draft));
      this.#state = draft;
      return result;
    });
  }
}

const sameEntries = <K, V>(one: ReadonlyMap<K, V>, other: ReadonlyMap<K, V>): boolean =>
  one.size === other.size && one.entries().every(([key, value]) => other.get(key) === value);

function toState(value: unknown): IndexState {
  if (value === undefined) return { images: new Map(), platforms: new Map(), references: new Map() };
  const document = value as IndexDocument;
  if (document.version !== 1 && document.version !== 2) throw new Error(`unknown version ${String(document.version)}`);
  const images = entriesOf(document.images);
  const platforms = entriesOf(document.platforms ?? {});
  const known = Object.entries(document.references).filter(([, id]) => images.has(id) || platforms.has(id));
  return { images, platforms, references: new Map(known) };
}

function entriesOf<T>(records: Record<string, T>): Map<Digest, T> {
  const entries = new Map<Digest, T>();
  for (const [digest, record] of Object.entries(records)) if (isDigest(digest)) entries.set(digest, record);
  return entries;
}

const toDocument = ({ images, platforms, references }: IndexState): IndexDocument => ({
  version: 2,
  images: Object.fromEntries(images),
  platforms: Object.fromEntries(platforms),
  references: Object.fromEntries(references),
});
