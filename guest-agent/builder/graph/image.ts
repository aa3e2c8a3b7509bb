import type { HistoryEntry } from '../../../contracts/oci/image-spec.ts';
import { type Image, type Images, ownPlatform, type parseWords } from '../../images/index.ts';
import { usualPath } from '../steps.ts';

type Words = ReturnType<typeof parseWords>;

/** What an image says of itself of which nobody has said anything. */
const emptyWords: Words = { config: { Env: [usualPath], WorkingDir: '/' } };

/** The image of a graph's result, with the words that a frontend has for it. */
export function imageOf(root: Image | undefined, said: Words | undefined, images: Images): Promise<Image> {
  const words = { ...ownPlatform(), ...(said ?? emptyWords) };
  const history = wholeHistory(words.history ?? [], root);
  const created = words.created ?? history.findLast(each => each.created)?.created;
  const config = { ...words, ...(created ? { created } : {}), history };
  return images.compose({ layersOf: root, config, intermediate: true });
}

/** A line for each layer: what is missing is told by the layers themselves, what is too much has none. Pure. */
export function wholeHistory(said: readonly HistoryEntry[], root: Image | undefined): HistoryEntry[] {
  const ofLayers = (root?.config.history ?? []).filter(({ empty_layer }) => !empty_layer);
  const count = root?.layers.length ?? 0;
  let tooMany = said.filter(({ empty_layer }) => !empty_layer).length - count;
  const kept = said.map(each => (each.empty_layer || tooMany-- <= 0 ? each : { ...each, empty_layer: true }));
  let at = 0;
  const dated = kept.map(each => {
    const { created } = each.empty_layer ? each : { created: each.created ?? ofLayers[at++]?.created };
    return { ...each, ...(created ? { created } : {}) };
  });
  const missing = Array.from({ length: Math.max(0, count - at) }, (_, place) => {
    const { created, created_by } = ofLayers[at + place] ?? {};
    return { ...(created ? { created } : {}), created_by: created_by ?? '', comment: 'buildkit.exporter.image.v0' };
  });
  return [...dated, ...missing];
}
