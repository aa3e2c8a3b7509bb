import { bytesOf, type HttpTarget, httpOpen, refusal } from '../../base/http-client.ts';
import type { EngineHead, StreamRequest } from '../../contracts/bridge.ts';
import { distributionTags, imageCreate, imagePush, imageSearch } from '../../contracts/docker/image-routes.ts';
import type { Route } from '../../contracts/route.ts';
import { checkEngineRequest } from './engine-routes.ts';
import type { ServedStream } from './stream.ts';

/**
 * One request of the Docker API, passed on: its head as an item, then its bytes. `authOf` finds the log-in for an image that is
 * pulled, pushed or searched: the window knows none. @throws the engine's own error
 */
export async function streamEngine(
  target: HttpTarget,
  request: StreamRequest<'engine'>,
  stream: ServedStream,
  authOf: (reference: string) => Promise<string | undefined>,
): Promise<void> {
  const { route, method, path, body } = checkEngineRequest(request.method, request.path, request.body);
  const named = imageOf(route, path);
  const auth = named === undefined ? undefined : await authOf(named);
  const headers: Record<string, string> = auth ? { 'x-registry-auth': auth } : {};
  const upload = request.upload === undefined ? {} : { stream: stream.input, contentType: request.upload };
  const answer = await httpOpen(target, method, path, { body, headers, ...upload, signal: stream.signal });
  // a window that goes away aborts the request, whose answer then fails
  answer.on('error', () => undefined);
  const status = answer.statusCode ?? 0;
  if (status >= 300 && status !== 304) throw refusal(status, await bytesOf(answer), `${method} ${path}`);
  const pathStat = answer.headers['x-docker-container-path-stat'];
  const head: EngineHead = {
    status,
    contentType: answer.headers['content-type'] ?? '',
    ...(typeof pathStat === 'string' && { pathStat }),
  };
  stream.item(head);
  await stream.pipe(answer);
}

/** The image that a request is about, where its registry wants to know who asks. */
function imageOf(route: Route, path: string): string | undefined {
  const { pathname, searchParams } = new URL(path, 'http://engine');
  if (route === imageCreate) return searchParams.get('fromImage') ?? undefined;
  if (route === imageSearch) return searchParams.get('term') ?? undefined;
  if (route === distributionTags) return decodeURIComponent(pathname.slice('/distribution/'.length, -'/tags'.length));
  if (route !== imagePush) return undefined;
  return decodeURIComponent(pathname.slice('/images/'.length, -'/push'.length));
}
