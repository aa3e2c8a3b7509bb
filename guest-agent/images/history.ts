import type { HistoryItem } from '../../contracts/docker/images.ts';
import type { ChainId } from '../../contracts/oci/digest.ts';
import { familiar } from '../../contracts/oci/reference.ts';
import type { Image } from './image.ts';

/** The steps that made an image, newest first; sizes in bytes, times in seconds. Only the newest has an id and tags. */
export function historyOf(image: Image, layerSize: (chainId: ChainId) => number): HistoryItem[] {
  let layer = 0;
  const items = (image.config.history ?? []).map(entry => {
    const chainId = entry.empty_layer ? undefined : image.chainIds[layer++];
    return {
      Id: '<missing>',
      Created: Math.floor(Date.parse(entry.created ?? '') / 1000) || 0,
      CreatedBy: entry.created_by ?? '',
      Tags: null as string[] | null,
      Size: chainId ? layerSize(chainId) : 0,
      Comment: entry.comment ?? '',
    };
  });
  const newest = items.at(-1);
  if (newest) {
    newest.Id = image.id;
    newest.Tags = image.references.length > 0 ? image.references.map(familiar) : null;
  }
  return items.reverse();
}
