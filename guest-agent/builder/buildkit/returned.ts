import { randomBytes } from 'node:crypto';
import { invalidArgument } from '../../../contracts/errors.ts';
import {
  formatPlatform,
  type Image,
  type Images,
  ownPlatform,
  type PlatformImage,
  parsePlatform,
  parseWords,
} from '../../images/index.ts';
import { type Definition, definitionOf, ownImageOf } from '../graph/graph.ts';
import { imageOf } from '../graph/image.ts';
import type { Result } from '../graph/result.ts';
import type { Answer } from './frontends.ts';
import type { Job } from './job.ts';

/** A result as the messages of the bridge have it (frontend/gateway/pb). */
export interface ResultMessage {
  ref: { id: string } | null;
  refs: { refs: Readonly<Record<string, { id: string }>> } | null;
  metadata: Readonly<Record<string, Uint8Array>>;
}

/** Something that a frontend was given, and may ask about. */
interface Kept {
  result: Result | undefined;
  definition: object | undefined;
  /** Of a build of ours: it has its own words. */
  image: Image | undefined;
}

const configKey = 'containerimage.config';
const platformsKey = 'refs.platforms';

/** The image that a graph means, with the words that somebody has for it, or those of a build of ours. */
export async function imageSaid(job: Job, definition: Definition, said: Uint8Array | undefined): Promise<Image> {
  const { images } = job.rooms.builder.options;
  const own = ownImageOf(definition);
  const image = own === undefined ? undefined : images.get(own);
  return worded({ image, result: image ? undefined : await job.solve(definition) }, said, images);
}

async function worded(
  { result, image }: Pick<Kept, 'result' | 'image'>,
  said: Uint8Array | undefined,
  images: Images,
): Promise<Image> {
  const text = said && said.length > 0 ? Buffer.from(said).toString() : undefined;
  if (image && (text === undefined || text === image.configText)) return image;
  const words = text === undefined ? undefined : parseWords(Buffer.from(text));
  return imageOf(image ?? (await result?.image()), words, images);
}

/** What the frontends of one job were given, by names that only they know. */
export class References {
  readonly #kept = new Map<string, Kept>();
  readonly #job: Job;

  constructor(job: Job) {
    this.#job = job;
  }

  /** The answer to who asked for a graph. */
  async ofGraph(definition: Definition): Promise<object> {
    const { images } = this.#job.rooms.builder.options;
    const own = ownImageOf(definition);
    const image = own === undefined ? undefined : images.get(own);
    return { ref: this.#message({ result: await this.#job.solve(definition), definition, image }) };
  }

  /** The answer to who asked a frontend: one image, or one a platform with a list of these (exporter/containerimage/exptypes). */
  async ofAnswer({ images, metadata }: Answer): Promise<object> {
    const refs = new Map<string, object>();
    for (const { image, platform } of images) refs.set(formatPlatform(platform), await this.#ofImage(image));
    const [ref, ...others] = refs.values();
    if (!ref) return { metadata };
    if (others.length === 0) return { ref, metadata: { ...metadata, ...configsOf(images, () => '') } };
    const Platforms = images.map(({ platform }) => ({ ID: formatPlatform(platform), Platform: platform }));
    const list = { [platformsKey]: Buffer.from(JSON.stringify({ Platforms })) };
    const configs = configsOf(images, ({ platform }) => `/${formatPlatform(platform)}`);
    return { refs: { refs: Object.fromEntries(refs) }, metadata: { ...metadata, ...list, ...configs } };
  }

  async #ofImage(image: Image): Promise<object> {
    const result = await this.#job.resultOf(image);
    return this.#message({ result, definition: definitionOf(image), image });
  }

  #message(kept: Kept): object {
    const id = randomBytes(16).toString('hex');
    this.#kept.set(id, kept);
    return { id, def: kept.definition };
  }

  /** @throws invalid-argument */
  get(id: string): Kept {
    if (id === '') return { result: undefined, definition: undefined, image: undefined };
    const kept = this.#kept.get(id);
    if (!kept) throw invalidArgument(`no such ref: ${id}`);
    return kept;
  }

  /** What a frontend returns. @throws invalid-argument */
  async answer({ ref, refs, metadata }: ResultMessage): Promise<Answer> {
    const { images } = this.#job.rooms.builder.options;
    const order = platformsListed(metadata[platformsKey]);
    const place = ([name]: readonly [string, unknown]): number => order.indexOf(name);
    const listed = Object.entries(refs?.refs ?? {}).sort((a, b) => place(a) - place(b));
    const pairs = listed.length > 0 || !ref ? listed : [['', ref] as const];
    const found = pairs.map(async ([name, { id }]) => {
      const image = await worded(this.get(id), metadata[name === '' ? configKey : `${configKey}/${name}`], images);
      return { image, platform: name === '' ? platformOf(image) : parsePlatform(name, ownPlatform()) };
    });
    return { images: await Promise.all(found), metadata };
  }
}

/** The platforms in the order in which they were asked for: the references beside them come as a map, in none. */
function platformsListed(list: Uint8Array | undefined): string[] {
  if (!list) return [];
  const { Platforms } = JSON.parse(Buffer.from(list).toString()) as { Platforms?: { ID: string }[] };
  return (Platforms ?? []).map(({ ID }) => ID);
}

const configsOf = (images: readonly PlatformImage[], suffix: (image: PlatformImage) => string) =>
  Object.fromEntries(images.map(each => [`${configKey}${suffix(each)}`, Buffer.from(each.image.configText)]));

function platformOf({ config: { architecture, os, variant } }: Image) {
  return architecture ? { architecture, os, ...(variant ? { variant } : {}) } : ownPlatform();
}
