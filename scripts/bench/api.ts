import { Agent, request } from 'node:http';

/** A connection to an engine that is kept open between requests, as a client library keeps it. */
export function openApi(socketPath: string): {
  call(method: string, path: string, body?: unknown): Promise<unknown>;
  close(): void;
} {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const call = (method: string, path: string, body?: unknown): Promise<unknown> => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const text = body === undefined ? '' : JSON.stringify(body);
    const headers = {
      'Content-Length': Buffer.byteLength(text),
      ...(text ? { 'Content-Type': 'application/json' } : {}),
    };
    const sent = request({ socketPath, agent, method, path: `/v1.41${path}`, headers }, answer => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const said = Buffer.concat(chunks).toString();
        if ((answer.statusCode ?? 500) >= 400)
          return reject(new Error(`${method} ${path}: ${answer.statusCode} ${said}`));
        resolve(said.startsWith('{') || said.startsWith('[') ? JSON.parse(said) : said);
      });
    });
    sent.on('error', reject);
    sent.end(text);
    return promise;
  };
  return { call, close: () => agent.destroy() };
}

export type Api = ReturnType<typeof openApi>;

/** One container's whole life: create, start, wait, delete. Returns milliseconds. @throws Error when it did not end with 0. */
export async function cycle(api: Api, network: string): Promise<number> {
  const started = performance.now();
  const created = (await api.call('POST', '/containers/create', {
    Image: 'busybox:latest',
    Cmd: ['true'],
    HostConfig: { NetworkMode: network },
  })) as { Id: string };
  await api.call('POST', `/containers/${created.Id}/start`);
  const waited = (await api.call('POST', `/containers/${created.Id}/wait`)) as { StatusCode: number };
  await api.call('DELETE', `/containers/${created.Id}`);
  if (waited.StatusCode !== 0) throw new Error(`true ended with ${waited.StatusCode}`);
  return performance.now() - started;
}
