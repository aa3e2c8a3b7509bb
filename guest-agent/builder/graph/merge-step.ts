import { invalidArgument } from '../../../contracts/errors.ts';
import type { Image, StackedLayer } from '../../images/index.ts';
import { commitStep } from '../layers.ts';
import { layersResult } from './result.ts';
import { cachedOutput, type OperationStep, type Work } from './rooms.ts';
import { treeDifference } from './tree-difference.ts';

/** As for any image: merges of merges double. */
const mostLayers = 125;

/** The layers of all inputs, each on those before it. */
export const mergeStep =
  (numbers: readonly number[]): OperationStep =>
  async work => {
    const images = await imagesOf(numbers, work);
    const depth = images.reduce((sum, { layers }) => sum + layers.length, 0);
    if (depth > mostLayers) throw invalidArgument('max depth exceeded');
    const [first, ...others] = images;
    const layers = others.flatMap(stepsOf);
    return stacked(first, layers, ['MERGE', images.map(({ topChainId }) => topChainId)], work);
  };

/** What the upper has that the lower has not. */
export const diffStep =
  (lower: number, upper: number): OperationStep =>
  async work => {
    const [below] = await imagesOf([lower], work);
    const [above] = await imagesOf([upper], work);
    const key = ['DIFF', below?.topChainId, above?.topChainId];
    const under = below?.layers.length ?? 0;
    const isOnTop = !below?.topChainId || above?.chainIds[under - 1] === below.topChainId;
    if (isOnTop) return stacked(undefined, above ? stepsOf(above).slice(under) : [], key, work);
    return compared(below, above, key, work);
  };

const imagesOf = async (numbers: readonly number[], { inputs }: Work): Promise<Image[]> =>
  (await Promise.all(numbers.map(number => inputs[number]?.image()))).flatMap(image => image ?? []);

/** An image's layers, each with what its history says of it. */
function stepsOf({ layers, config }: Image): StackedLayer[] {
  const history = (config.history ?? []).filter(({ empty_layer }) => !empty_layer);
  return layers.map((layer, place) => ({ layer, step: history[place] ?? {} }));
}

async function stacked(below: Image | undefined, layers: readonly StackedLayer[], key: unknown, work: Work) {
  const { options, sources, signal } = work.rooms;
  if (layers.length === 0) return { outputs: [layersResult(below, sources)], cached: false };
  const { image, cached } = await cachedOutput(key, work, () => options.images.stack({ below, layers, signal }));
  return { outputs: [layersResult(image, sources)], cached };
}

/** Trees that have nothing to do with each other: file by file. */
async function compared(below: Image, above: Image | undefined, key: unknown, work: Work) {
  const { options, sources, request } = work.rooms;
  const { image, cached } = await cachedOutput(key, work, async () => {
    const before = await sources.filesOf(below, ['/']);
    const after = above ? await sources.filesOf(above, ['/']) : sources.tree();
    const tar = after.toTar(treeDifference(before, after));
    return commitStep({ parent: undefined, createdBy: work.vertex.name, epoch: request.epoch, tar }, options);
  });
  return { outputs: [layersResult(image, sources)], cached };
}
