import { bytesOf, httpOpen, refusal } from '../../base/http-client.ts';
import type { EngineHead, StreamRequest } from '../../contracts/bridge.ts';
import { checkEngineRequest } from './engine-routes.ts';
import type { ServedStream } from './stream.ts';

/** One request of the Docker API, passed on: its head as an item, then its bytes. @throws the engine's own error */
export async function streamEngine(
  socketPath: string,
  request: StreamRequest<'engine'>,
  stream: ServedStream,
): Promise<void> {
  const { method, path, body } = checkEngineRequest(request.method, request.path, request.body);
  const upload = request.upload === undefined ? {} : { stream: stream.input, contentType: request.upload };
  const answer = await httpOpen({ socketPath }, method, path, { body, ...upload, signal: stream.signal });
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
