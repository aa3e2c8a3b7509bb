import { notImplemented } from '../../../contracts/errors.ts';
import type { Image } from '../../images/index.ts';
import { execStep } from './exec-step.ts';
import { fileStep } from './file-step.ts';
import type { Graph, Vertex } from './graph.ts';
import { diffStep, mergeStep } from './merge-step.ts';
import type { Edge, Operation } from './operations.ts';
import { layersResult, type Result } from './result.ts';
import type { GraphRooms, OperationStep, Outcome } from './rooms.ts';
import { sourceStep } from './source-step.ts';

/**
 * Works on graphs of operations, for one client: each operation once, whichever of its graphs has it, those that do not
 * need each other at the same time.
 */
export class GraphSolver {
  readonly #rooms: GraphRooms;
  readonly #outcomes = new Map<string, Promise<Outcome>>();
  readonly #abort = new AbortController();

  constructor(rooms: GraphRooms) {
    this.#rooms = { ...rooms, signal: AbortSignal.any([rooms.signal, this.#abort.signal]) };
  }

  /** An image as a result. */
  ofImage(image: Image): Result {
    return layersResult(image, this.#rooms.sources);
  }

  /** An image by its name; `anew`: as its registry has it now. */
  image(name: string, platform: string | undefined, anew: boolean): Promise<Image> {
    const { sources } = this.#rooms;
    return sources.fetch(name, sources.platformOf(platform), anew);
  }

  /** What the graph's target is. @throws in BuildKit's words */
  async solve({ vertices, target }: Graph): Promise<Result> {
    const needed = new Set([target.digest]);
    for (const vertex of [...vertices.values()].reverse()) {
      if (needed.has(vertex.digest)) for (const { digest } of vertex.operation.inputs) needed.add(digest);
    }
    for (const vertex of vertices.values()) if (needed.has(vertex.digest)) this.#begin(vertex);
    return this.#output(target);
  }

  /** Ends what is still under way, and lets go of what was opened. */
  async close(): Promise<void> {
    this.#abort.abort();
    await Promise.allSettled(this.#outcomes.values());
    this.#rooms.sources.close();
  }

  async #output({ digest, index }: Edge): Promise<Result> {
    const output = (await this.#outcomes.get(digest))?.outputs[index];
    if (!output) throw new Error(`failed to load LLB: ${digest} has no output ${index}`);
    return output;
  }

  /** Whatever it needs has begun before it. */
  #begin(vertex: Vertex): void {
    if (this.#outcomes.has(vertex.digest)) return;
    const working = this.#work(vertex);
    working.catch(() => undefined); // whoever wants it hears of it
    this.#outcomes.set(vertex.digest, working);
  }

  async #work(vertex: Vertex): Promise<Outcome> {
    const { operation, digest, name } = vertex;
    const inputs = await Promise.all(operation.inputs.map(input => this.#output(input)));
    const step = stepOf(operation);
    const told = this.#rooms.watcher.step({
      name,
      text: name,
      line: undefined,
      vertex: { digest, inputs: operation.inputs.map(input => input.digest) },
    });
    try {
      this.#rooms.signal.throwIfAborted();
      const outcome = await step({ vertex, inputs, told, rooms: this.#rooms });
      told.done({ cached: outcome.cached });
      return outcome;
    } catch (error) {
      told.failed(error);
      throw error;
    }
  }
}

/** @throws not-implemented */
function stepOf({ source, exec, file, merge, diff }: Operation): OperationStep {
  if (source) return sourceStep(source);
  if (exec) return execStep(exec);
  if (file) return fileStep(file);
  if (merge) return mergeStep(merge.inputs.map(({ input }) => input));
  if (diff) return diffStep(diff.lower?.input ?? -1, diff.upper?.input ?? -1);
  throw notImplemented('a build inside a graph (BuildOp) is not part of Berth');
}
