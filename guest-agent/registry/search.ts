import { internal, invalidArgument } from '../../contracts/errors.ts';
import { defaultDomain } from '../../contracts/oci/reference.ts';
import { type Credentials, userOf } from './authentication.ts';
import { endpointsOf, type RegistryEndpoint } from './endpoints.ts';
import { isRegistryError } from './registry-error.ts';
import { bodyOf, discard, type Transport } from './transport.ts';

/** An image that a registry offers. */
export interface FoundRepository {
  name: string;
  description: string;
  star_count: number;
  is_official: boolean;
  is_automated: boolean;
}

/** Docker Hub's search does not live where its registry does. */
const hubIndex: RegistryEndpoint = { base: 'https://index.docker.io/', insecure: false, mirror: false };

export interface SearchOptions {
  auth: Credentials;
  limit: number;
  signal: AbortSignal;
}

/** Asks the index of the registry that `term` begins with, in the old protocol that is the only one. @throws in dockerd's words. */
export async function search(
  transport: Transport,
  settings: { insecureRegistries?: readonly string[] },
  term: string,
  options: SearchOptions,
): Promise<FoundRepository[]> {
  if (/^https?:\/\//.test(term)) {
    throw invalidArgument(`invalid repository name: repository name (${term}) should not have a scheme`);
  }
  const [domain, words] = splitTerm(term);
  const endpoint = await indexOf(transport, domain, settings, options.signal);
  const url = `${endpoint.base}v1/search?${new URLSearchParams({ q: words, n: String(options.limit) })}`;
  const { username, password } = userOf(options.auth);
  const basic = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const headers: Record<string, string> = username ? { Authorization: basic } : {};
  const { insecure } = endpoint;
  const response = await transport
    .request({
      method: 'GET',
      url,
      headers: { 'X-Docker-Token': 'true', ...headers },
      insecure,
      signal: options.signal,
    })
    .catch(error => {
      throw isRegistryError(error) ? internal(error.message, { cause: error }) : error;
    });
  const body = (await bodyOf(response)).toString('utf8');
  if (response.statusCode !== 200) throw internal(`Unexpected status code ${response.statusCode}`);
  return resultsIn(body);
}

function splitTerm(term: string): [domain: string, words: string] {
  const slash = term.indexOf('/');
  const first = term.slice(0, Math.max(0, slash));
  const isDomain = first === 'localhost' || /[.:]/.test(first);
  if (!isDomain) return [defaultDomain, term.replace(/^library\//, '')];
  const words = term.slice(slash + 1);
  return /^(index\.)?docker\.io$/.test(first) ? [defaultDomain, words.replace(/^library\//, '')] : [first, words];
}

/** Where the index answers: with TLS, or without where that is allowed. */
async function indexOf(
  transport: Transport,
  domain: string,
  settings: { insecureRegistries?: readonly string[] },
  signal: AbortSignal,
): Promise<RegistryEndpoint> {
  if (domain === defaultDomain) return hubIndex;
  const { insecureRegistries = [] } = settings;
  const failures: string[] = [];
  let last = '';
  for (const endpoint of endpointsOf(domain, { insecureRegistries })) {
    const { base, insecure } = endpoint;
    last = `${base}v1/`;
    try {
      const pong = await transport.request({ method: 'GET', url: `${last}_ping`, insecure, signal });
      discard(pong);
      return endpoint;
    } catch (error) {
      if (!isRegistryError(error)) throw error;
      failures.push(`${base.startsWith('https:') ? 'HTTPS' : 'HTTP'} attempt: ${error.message}`);
    }
  }
  throw invalidArgument(`invalid registry endpoint ${JSON.stringify(last)}. ${failures.join('. ')}`);
}

function resultsIn(body: string): FoundRepository[] {
  try {
    const { results } = JSON.parse(body) as { results?: Partial<FoundRepository>[] | null };
    return (results ?? []).map(({ name, description, star_count, is_official, is_automated }) => ({
      name: String(name ?? ''),
      description: String(description ?? ''),
      star_count: Number(star_count) || 0,
      is_official: is_official === true,
      is_automated: is_automated === true,
    }));
  } catch (cause) {
    throw internal('error decoding registry search results', { cause });
  }
}
