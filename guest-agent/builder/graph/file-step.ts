import { invalidArgument } from '../../../contracts/errors.ts';
import type { Image } from '../../images/index.ts';
import { layerOf } from '../layers.ts';
import { fingerprint } from '../select-files.ts';
import { perform, selectionOf } from './file-actions.ts';
import type { FileAction, FileOperation } from './operations.ts';
import { layersResult, type Result } from './result.ts';
import { cachedOutput, type OperationStep, type Work } from './rooms.ts';

/** Files that are made, copied and removed without running anything: actions, each on an input or on what another made. */
export const fileStep =
  (operation: FileOperation): OperationStep =>
  async work => {
    const actions = new Actions(operation.actions, work);
    const wanted = operation.actions.flatMap(({ output }, place) => (output >= 0 ? [{ output, place }] : []));
    const made = await Promise.all(
      wanted.sort((a, b) => a.output - b.output).map(({ place }) => actions.layerAfter(place)),
    );
    const outputs = made.map(({ image }) => layersResult(image, work.rooms.sources));
    return { outputs, cached: made.every(({ cached }) => cached) };
  };

/** The actions of one operation; what follows one another without being wanted itself is one layer. */
class Actions {
  readonly #actions: readonly FileAction[];
  readonly #work: Work;

  constructor(actions: readonly FileAction[], work: Work) {
    this.#actions = actions;
    this.#work = work;
  }

  /** What there is when the action of that number is done. */
  async layerAfter(place: number): Promise<{ image: Image; cached: boolean }> {
    const { chain, base } = this.#chainTo(place);
    const parent = await base?.image();
    const sources = await Promise.all(chain.map(action => this.#input(action.copy ? action.secondaryInput : -1)));
    const key = ['FILE', parent?.topChainId ?? '', await this.#keysOf(chain, sources)];
    const { rooms, vertex } = this.#work;
    return cachedOutput(key, this.#work, () =>
      layerOf({ parent, createdBy: vertex.name, epoch: rooms.request.epoch }, rooms.options, async root => {
        for (const [at, action] of chain.entries()) await perform(action, { root, source: sources[at], ...this.#work });
      }),
    );
  }

  /** The actions before that one which work on the same files, and what the first of them begins with. */
  #chainTo(place: number): { chain: FileAction[]; base: Result | undefined } {
    const { inputs } = this.#work;
    const chain: FileAction[] = [];
    for (let at = place; ; ) {
      const action = this.#actions[at];
      if (!action) throw invalidArgument(`invalid file operation: no action ${at}`);
      chain.unshift(action);
      if (action.input < inputs.length) return { chain, base: inputs[action.input] };
      const next = action.input - inputs.length;
      if (next >= at) throw invalidArgument(`invalid file operation: action ${at} needs action ${next}`);
      at = next;
    }
  }

  /** An input of the operation, or what an action has made. */
  async #input(number: number): Promise<Result | undefined> {
    const { inputs, rooms } = this.#work;
    if (number < inputs.length) return inputs[number];
    return layersResult((await this.layerAfter(number - inputs.length)).image, rooms.sources);
  }

  /** The actions with all that they read. */
  #keysOf(chain: readonly FileAction[], sources: readonly (Result | undefined)[]): Promise<unknown[]> {
    return Promise.all(
      chain.map(async ({ input: _, secondaryInput: __, output: ___, ...action }, at) => {
        const { copy, mkfile } = action;
        const data = mkfile ? Buffer.from(mkfile.data).toString('base64') : '';
        const tree = copy ? await sources[at]?.files([copy.src]) : undefined;
        const seen = copy && tree ? fingerprintOf(tree, copy) : '';
        return [copy ? { ...copy, src: '' } : null, { ...mkfile, data }, action.mkdir, action.rm, action.symlink, seen];
      }),
    );
  }
}

/** What is not there is no reason to fail yet: the action may allow it. */
function fingerprintOf(tree: Parameters<typeof fingerprint>[0], copy: NonNullable<FileAction['copy']>): string {
  const selection = selectionOf(tree, copy);
  return selection.sources.length === 0 ? '' : fingerprint(tree, selection);
}
