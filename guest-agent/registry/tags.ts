import { RegistryError } from './registry-error.ts';
import type { RepositoryEndpoint } from './repository.ts';
import { bodyOf } from './transport.ts';

const tagsOfPage = 1000;
/** Some build servers tag each of their builds: nobody reads on after so many pages. */
const mostPages = 10;

/** All tags of a repository, in the registry's order. OCI distribution specification, "Listing Tags" */
export async function listTags(endpoint: RepositoryEndpoint, signal: AbortSignal): Promise<string[]> {
  const tags: string[] = [];
  for (let page = 0; page < mostPages; page++) {
    const last = tags.at(-1);
    const query = new URLSearchParams({ n: String(tagsOfPage), ...(last !== undefined && { last }) });
    const response = await endpoint.request({ method: 'GET', path: `tags/list?${query}`, signal });
    const found = tagsIn(await bodyOf(response));
    tags.push(...found);
    if (found.length === 0 || response.headers.link === undefined) break;
  }
  return tags;
}

function tagsIn(body: Buffer): string[] {
  try {
    const { tags } = JSON.parse(body.toString()) as { tags?: unknown };
    if (Array.isArray(tags)) return tags.filter(tag => typeof tag === 'string');
    if (tags === null || tags === undefined) return []; // of a repository whose last tag is gone
  } catch {
    // told below
  }
  throw new RegistryError('the registry answered with something else than tags');
}
