import type { IncomingMessage, ServerResponse } from 'node:http';
import { type FakeRegistry, refuse, sha256 } from './fake-registry.ts';

/** Lets a fake registry be written to, and spoils what a test wants spoiled. */
export class FakeUploads {
  readonly #registry: FakeRegistry;
  readonly #sessions = new Map<string, Buffer>();
  /** The connection breaks once, when so many bytes of a chunk have come. */
  breakAfter: number | undefined;
  /** Longer chunks are refused with 413. */
  longestChunk = Number.POSITIVE_INFINITY;
  /** Repositories that give their blobs to others. */
  readonly generous = new Set<string>();

  constructor(registry: FakeRegistry) {
    this.#registry = registry;
    registry.behaviour = (request, response) => this.#serve(request, response);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const { method = '', url = '' } = request;
    const { pathname, searchParams } = new URL(url, 'http://fake');
    const [, path, rest] = /^\/v2\/(.+)\/(blobs\/uploads\/.*|manifests\/.*)$/.exec(pathname) ?? [];
    if (!path || !rest || method === 'HEAD' || (method === 'GET' && rest.startsWith('manifests'))) return false;
    if (rest.startsWith('manifests/')) await this.#manifest(request, response, rest.slice('manifests/'.length));
    else if (method === 'POST') this.#begin(response, path, searchParams);
    else await this.#session(request, response, { path, id: rest.slice('blobs/uploads/'.length), searchParams });
    return true;
  }

  #begin(response: ServerResponse, path: string, asked: URLSearchParams): void {
    if (asked.has('mount') && this.generous.has(asked.get('from') ?? '')) {
      response.writeHead(201, { Location: `/v2/${path}/blobs/${asked.get('mount')}` }).end();
      return;
    }
    const id = String(this.#sessions.size + 1);
    this.#sessions.set(id, Buffer.alloc(0));
    this.#accepted(response, path, id);
  }

  #accepted(response: ServerResponse, path: string, id: string, status = 202): void {
    const length = this.#sessions.get(id)?.length ?? 0;
    const Range = `0-${Math.max(0, length - 1)}`;
    response.writeHead(status, { Location: `/v2/${path}/blobs/uploads/${id}?state=${length}`, Range }).end();
  }

  async #session(
    request: IncomingMessage,
    response: ServerResponse,
    { path, id, searchParams }: { path: string; id: string; searchParams: URLSearchParams },
  ): Promise<void> {
    const known = this.#sessions.get(id);
    if (!known) return refuse(response, 404, 'BLOB_UPLOAD_UNKNOWN');
    if (request.method === 'GET') return this.#accepted(response, path, id, 204);
    if (Number(request.headers['content-length']) > this.longestChunk) {
      request.resume();
      response.writeHead(413).end('too long');
      return;
    }
    const start = Number(/^(\d+)-/.exec(String(request.headers['content-range'] ?? ''))?.[1] ?? known.length);
    if (start !== known.length) return refuse(response, 416, 'BLOB_UPLOAD_INVALID');
    const whole = await this.#received(request, id, known);
    if (!whole) return;
    if (request.method === 'PATCH') return this.#accepted(response, path, id);
    if (sha256(whole) !== searchParams.get('digest')) return refuse(response, 400, 'DIGEST_INVALID');
    this.#registry.addBlob(whole);
    response.writeHead(201).end();
  }

  /** Nothing where the connection broke; what came is kept. */
  async #received(request: IncomingMessage, id: string, known: Buffer): Promise<Buffer | undefined> {
    const chunks = [known];
    let length = known.length;
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        length += chunk.length;
        if (this.breakAfter !== undefined && length > this.breakAfter) {
          this.#sessions.set(id, Buffer.concat(chunks).subarray(0, this.breakAfter));
          this.breakAfter = undefined;
          request.socket.destroy();
          return undefined;
        }
      }
    } catch {
      return undefined;
    }
    const body = Buffer.concat(chunks);
    this.#sessions.set(id, body);
    return body;
  }

  async #manifest(request: IncomingMessage, response: ServerResponse, name: string): Promise<void> {
    const body = Buffer.concat(await request.toArray());
    const stored = { mediaType: request.headers['content-type'] ?? '', body };
    for (const key of [name, sha256(body)]) this.#registry.manifests.set(key, stored);
    response.writeHead(201, { 'Docker-Content-Digest': sha256(body) }).end();
  }
}
