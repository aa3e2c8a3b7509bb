import { messageOf } from '../../../contracts/errors.ts';
import type { Image, PlatformImage } from '../../images/index.ts';
import type { StepExchange } from '../contract.ts';
import { inlineField, inlineRecords, type StepResults } from './config.ts';
import type { ImportedCache } from './imported-cache.ts';

/** What one build takes from caches that are kept elsewhere, and what it could give to them. */
export class CacheExchange implements StepExchange {
  readonly #imports: readonly ImportedCache[];
  readonly #inline: boolean;
  readonly #known = new Map<string, Image>();
  readonly #failed: (error: string) => void;

  constructor(imports: readonly ImportedCache[], inline: boolean, failed: (error: string) => void) {
    this.#imports = imports;
    this.#inline = inline;
    this.#failed = failed;
  }

  /** A cache that does not give what it promised is as good as none. */
  async find(key: string): Promise<Image | undefined> {
    for (const each of this.#imports) {
      const image = await each.find(key).catch(error => this.#failed(messageOf(error)));
      if (image) return image;
    }
    return undefined;
  }

  known(key: string, image: Image): void {
    this.#known.set(key, image);
  }

  wordsFor(result: Image | undefined): Record<string, string> {
    const records = this.#inline && result ? inlineRecords(this.#known, result) : undefined;
    return records === undefined ? {} : { [inlineField]: records };
  }

  /** All steps of the build, or those only whose layers are in its results. */
  steps(mode: 'min' | 'max', results: readonly PlatformImage[]): StepResults {
    if (mode === 'max') return this.#known;
    const inResult = new Set(results.flatMap(({ image }) => image.chainIds));
    return new Map([...this.#known].filter(([, { topChainId }]) => topChainId && inResult.has(topChainId)));
  }
}
