import type { IncomingMessage } from 'node:http';
import { goMethod, RegistryError } from './registry-error.ts';
import type { TransportRequest } from './transport.ts';

const redirects = [301, 302, 303, 307, 308];
/** These keep the question as it was; the others ask for a page. */
const sameAgain = [307, 308];

/**
 * What an answer asks to be put to somebody else, as Go's client does it; nothing where it does not. Who we are is said to
 * nobody but the server that was meant. @throws RegistryError for what leads where nobody goes
 */
export function redirected(request: TransportRequest, response: IncomingMessage): TransportRequest | undefined {
  const { location } = response.headers;
  const status = response.statusCode ?? 0;
  if (!location || !redirects.includes(status)) return undefined;
  const refuse = (why: string, at = request.url): RegistryError => {
    response.destroy();
    return new RegistryError(`${goMethod(request.method)} "${at}": ${why}`);
  };
  const next = URL.parse(location, request.url);
  if (!next) throw refuse(`failed to parse Location header ${JSON.stringify(location)}`);
  if (!/^https?:$/.test(next.protocol)) {
    throw refuse(`unsupported protocol scheme "${next.protocol.slice(0, -1)}"`, next.href);
  }
  if (next.protocol !== 'https:' && !request.insecure) throw refuse('refusing a redirect to plain HTTP', next.href);
  const isSame = new URL(request.url).origin === next.origin;
  const { headers, body, isSecret, ...rest } = request;
  const known = { ...rest, url: next.href, headers: isSame ? headers : withoutAuthorization(headers) };
  if (!sameAgain.includes(status)) {
    return { ...known, method: request.method === 'HEAD' ? 'HEAD' : 'GET' };
  }
  if (isSecret && !isSame) throw refuse('refusing to repeat a secret to another host', next.href);
  return { ...known, ...(body === undefined ? {} : { body }), ...(isSecret ? { isSecret } : {}) };
}

function withoutAuthorization(headers: TransportRequest['headers'] = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'));
}
