import { createHash } from 'node:crypto';
import { notImplemented } from '../../../contracts/errors.ts';
import type { Image } from '../../images/index.ts';
import { decode, encode } from './messages.ts';

/** A graph of operations as clients send it: each in its bytes, the last one names the result. */
export interface Definition {
  def: readonly Uint8Array[];
}

interface Operation {
  inputs: readonly { digest: string }[];
  source: { identifier: string } | null;
}

/** What a result of ours is called in graphs: BuildKit's clients pass on what they do not understand. */
const ownScheme = 'berth-image://';

/** The graph of an image that is here: one source, and the end that names it. */
export function definitionOf(image: Image): object {
  const source = encode('Operation', { source: { identifier: `${ownScheme}${image.id}` } });
  const digest = `sha256:${createHash('sha256').update(source).digest('hex')}`;
  return { def: [source, encode('Operation', { inputs: [{ digest, index: 0 }] })], metadata: { [digest]: {} } };
}

/** The image that a graph of {@link definitionOf} means. @throws not-implemented for any other graph */
export function imageOf({ def }: Definition): string {
  const operations = def.map(bytes => decode<Operation>('Operation', bytes));
  const sources = operations.flatMap(({ source }) => (source ? [source.identifier] : []));
  const [only = ''] = sources;
  if (operations.length === 2 && only.startsWith(ownScheme)) return only.slice(ownScheme.length);
  throw notImplemented('LLB of a client is not part of Berth: only Dockerfiles are, and results of theirs');
}
