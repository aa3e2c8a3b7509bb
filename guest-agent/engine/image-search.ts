import type { AuthConfig } from '../../contracts/docker/common.ts';
import type { ImageSearchResult } from '../../contracts/docker/images.ts';
import { invalidArgument } from '../../contracts/errors.ts';
import type { EngineContext } from './context.ts';
import type { Filters } from './engine.ts';

export interface SearchRequest {
  term: string;
  limit?: number;
  filters: Filters;
  auth?: AuthConfig;
  signal: AbortSignal;
}

const defaultLimit = 25;
const longestList = 100;
const known = ['is-automated', 'is-official', 'stars'];

/** `docker search`: what the index of a registry finds, and of that what passes. @throws in Docker's words */
export async function searchImages(request: SearchRequest, context: EngineContext): Promise<ImageSearchResult[]> {
  const { term, filters, auth, signal } = request;
  const passes = filterOf(filters);
  const limit = request.limit || defaultLimit;
  if (limit < 1 || limit > longestList) {
    throw invalidArgument(`limit ${limit} is outside the range of [1, ${longestList}]`);
  }
  const found = await context.rooms.registry.search(term, { ...(auth ? { auth } : {}), limit, signal });
  return found.filter(passes);
}

function filterOf(filters: Filters): (result: ImageSearchResult) => boolean {
  const unknown = Object.keys(filters).find(key => !known.includes(key));
  if (unknown) throw invalidArgument(`invalid filter '${unknown}'`);
  const automated = booleanOf('is-automated', filters['is-automated']);
  const official = booleanOf('is-official', filters['is-official']);
  const stars = Math.max(0, ...(filters.stars ?? []).map(starsOf));
  return result =>
    (automated === undefined || result.is_automated === automated) &&
    (official === undefined || result.is_official === official) &&
    result.star_count >= stars;
}

function booleanOf(name: string, values: readonly string[] = []): boolean | undefined {
  const said = new Set(
    values.map(value => ['1', 'true'].includes(value) || (['0', 'false'].includes(value) ? false : undefined)),
  );
  if (said.size > 1 || said.has(undefined)) throw invalidArgument(`invalid filter '${name}=[${values.join(' ')}]'`);
  return [...said][0];
}

function starsOf(value: string): number {
  if (/^[+-]?\d+$/.test(value)) return Number(value);
  throw invalidArgument(
    `invalid filter 'stars=${value}': strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`,
  );
}
