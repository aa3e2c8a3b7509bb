import type { ImageSummary } from '../../../contracts/docker/images.ts';
import { type ContainerRow, shortId } from '../../model/index.ts';

/** A name of an image; an image without any has one row, too. */
export interface ImageRow {
  key: string;
  id: string;
  /** What the engine is asked with. */
  reference: string;
  name: string;
  tag: string;
  size: number;
  created: number;
}

export function imageRows({ Id, RepoTags, Size, Created }: ImageSummary): ImageRow[] {
  const common = { id: Id, size: Size, created: Created * 1000 };
  if (!RepoTags?.length) return [{ ...common, key: Id, reference: Id, name: '', tag: '' }];
  return RepoTags.map(reference => {
    const colon = reference.lastIndexOf(':');
    return {
      ...common,
      key: `${Id} ${reference}`,
      reference,
      name: reference.slice(0, colon),
      tag: reference.slice(colon + 1),
    };
  });
}

/** Names of the containers that were made of it. */
export const usersOf = ({ reference, id }: ImageRow, containers: readonly ContainerRow[]): string[] =>
  containers
    .filter(({ image }) => image === reference || `${image}:latest` === reference || image.startsWith(shortId(id)))
    .map(({ name }) => name);
