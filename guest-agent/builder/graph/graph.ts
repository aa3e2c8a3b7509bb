import { createHash } from 'node:crypto';
import { invalidArgument } from '../../../contracts/errors.ts';
import type { Image } from '../../images/index.ts';
import { decode, encode } from '../buildkit/messages.ts';
import type { Edge, Operation } from './operations.ts';
import { nameOf } from './vertex-name.ts';

/** A graph of operations as clients send it: each in its bytes, the last one names the result. */
export interface Definition {
  def: readonly Uint8Array[];
  metadata: Readonly<Record<string, OperationMetadata>>;
}

interface OperationMetadata {
  ignore_cache: boolean;
  description: Readonly<Record<string, string>>;
}

/** An operation in its graph. */
export interface Vertex {
  /** Of its bytes: two graphs that have the same operation share it. */
  digest: string;
  operation: Operation;
  /** As progress shows it. */
  name: string;
  /** Its result is not taken from the cache. */
  isFresh: boolean;
}

export interface Graph {
  /** Each after those that it needs. */
  vertices: ReadonlyMap<string, Vertex>;
  /** What is wanted. */
  target: Edge;
}

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Merges of merges have names that double each time: nobody reads so far. */
const longestName = 1000;

/** Reads a graph, in which each operation stands after those that it needs; no operation can need itself, for it is called by what it needs. @throws invalid-argument in BuildKit's words */
export function readGraph({ def, metadata }: Definition): Graph {
  const operations = new Map(def.map(bytes => [digestOf(bytes), decode<Operation>('Operation', bytes)]));
  const [target, ...more] = [...operations.values()].at(-1)?.inputs ?? [];
  if (!target || more.length > 0) throw invalidArgument('invalid definition: no last operation names the result');
  const vertices = new Map<string, Vertex>();
  for (const [digest, operation] of operations) {
    const missing = operation.inputs.find(input => !vertices.has(input.digest));
    if (missing) throw invalidArgument(`invalid missing input digest ${missing.digest}`);
    const { ignore_cache: isFresh = false, description = {} } = metadata[digest] ?? {};
    const name = description['llb.customname'] ?? nameOf(operation, ({ digest: of }) => vertices.get(of)?.name ?? of);
    vertices.set(digest, { digest, operation, name: name.slice(0, longestName), isFresh });
  }
  return { vertices, target };
}

/** What a result of ours is called in graphs: BuildKit's clients pass on what they do not understand. */
const ownScheme = 'berth-image://';

/** The graph of an image that is here: one source, and the end that names it. */
export function definitionOf(image: Image): object {
  const source = encode('Operation', { source: { identifier: `${ownScheme}${image.id}` } });
  const digest = digestOf(source);
  return { def: [source, encode('Operation', { inputs: [{ digest, index: 0 }] })], metadata: { [digest]: {} } };
}

/** The image that {@link definitionOf} means; undefined for another source. */
export const ownImageIn = (identifier: string): string | undefined =>
  identifier.startsWith(ownScheme) ? identifier.slice(ownScheme.length) : undefined;

/** The image that a whole graph of {@link definitionOf} means; undefined for any other graph. */
export function ownImageOf(definition: Definition): string | undefined {
  if (definition.def.length !== 2) return undefined;
  const { vertices, target } = readGraph(definition);
  return ownImageIn(vertices.get(target.digest)?.operation.source?.identifier ?? '');
}
