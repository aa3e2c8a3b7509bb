import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { mediaTypes } from '../../contracts/oci/descriptor.ts';

export const sha256 = (bytes: Buffer | string): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Answers a request, or returns false to let the registry answer. */
export type Behaviour = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

/** What a test put into a registry. */
export interface PushedImage {
  id: string;
  manifestDigest: string;
  layers: { digest: string; diffId: string; packed: Buffer; tar: Buffer }[];
}

/** A tar of a few files. */
export async function tarOf(files: Record<string, string | Buffer>): Promise<Buffer> {
  const tar = pack();
  for (const [name, text] of Object.entries(files))
    tar.entry({ name, mode: 0o644, mtime: new Date(0) }, Buffer.from(text));
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A registry over real HTTP whose every answer a test can spoil. */
export class FakeRegistry {
  readonly blobs = new Map<string, Buffer>();
  readonly manifests = new Map<string, { mediaType: string; body: Buffer }>();
  /** `GET /v2/app/blobs/sha256:… bytes=5-` */
  readonly requests: string[] = [];
  readonly headers: IncomingMessage['headers'][] = [];
  behaviour: Behaviour = () => false;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start({ port = 0 } = {}): Promise<FakeRegistry> {
    const registry = new FakeRegistry();
    await new Promise<void>(resolve => registry.#server.listen(port, '127.0.0.1', resolve));
    return registry;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise(resolve => this.#server.close(resolve));
  }

  /** How many requests begin so. */
  count(start: string): number {
    return this.requests.filter(request => request.startsWith(start)).length;
  }

  addBlob(bytes: Buffer): string {
    const digest = sha256(bytes);
    this.blobs.set(digest, bytes);
    return digest;
  }

  addManifest(name: string, document: object, mediaType: string): string {
    const body = Buffer.from(JSON.stringify(document));
    const digest = sha256(body);
    for (const key of [name, digest]) this.manifests.set(key, { mediaType, body });
    return digest;
  }

  /** An image with a layer for each set of files. */
  async addImage(
    tag: string,
    layers: Record<string, string | Buffer>[],
    platform: { architecture: string; os: string; variant?: string } = { architecture: 'amd64', os: 'linux' },
  ): Promise<PushedImage> {
    const packed = await Promise.all(layers.map(tarOf));
    const blobs = packed.map(tar => ({ tar, packed: gzipSync(tar), diffId: sha256(tar) }));
    const config = Buffer.from(
      JSON.stringify({
        ...platform,
        created: '2026-01-02T03:04:05Z',
        config: { Cmd: ['sh'], Labels: { tag } },
        rootfs: { type: 'layers', diff_ids: blobs.map(({ diffId }) => diffId) },
        history: blobs.map((_, number) => ({ created: '2026-01-02T03:04:05Z', created_by: `step ${number}` })),
      }),
    );
    const id = this.addBlob(config);
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.dockerManifest,
      config: { mediaType: mediaTypes.dockerConfig, digest: id, size: config.length },
      layers: blobs.map(({ packed: bytes }) => ({
        mediaType: mediaTypes.dockerLayerGzip,
        digest: this.addBlob(bytes),
        size: bytes.length,
      })),
    };
    const manifestDigest = this.addManifest(tag, manifest, mediaTypes.dockerManifest);
    return { id, manifestDigest, layers: blobs.map(blob => ({ ...blob, digest: sha256(blob.packed) })) };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    this.requests.push(`${method} ${url}${headers.range ? ` ${headers.range}` : ''}`);
    this.headers.push(headers);
    if (await this.behaviour(request, response)) return;
    if (url === '/v2/') return void response.end('{}');
    const [, kind, key = ''] = /^\/v2\/.+\/(manifests|blobs)\/([^/]+)$/.exec(url) ?? [];
    const found = kind === 'blobs' ? this.#blob(key) : this.manifests.get(key);
    if (!found) return refuse(response, 404, kind === 'blobs' ? 'BLOB_UNKNOWN' : 'MANIFEST_UNKNOWN');
    answer(request, response, found);
  }

  #blob(digest: string) {
    const body = this.blobs.get(digest);
    return body && { mediaType: 'application/octet-stream', body };
  }
}

/** An error as registries write it. */
export function refuse(response: ServerResponse, status: number, code: string, message?: string): void {
  const text = message ?? code.toLowerCase().replaceAll('_', ' ');
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify({ errors: [{ code, message: text }] }));
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { mediaType, body }: { mediaType: string; body: Buffer },
): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const rest = body.subarray(start);
  response.writeHead(start > 0 ? 206 : 200, {
    'Content-Type': mediaType,
    'Content-Length': rest.length,
    'Docker-Content-Digest': sha256(body),
    ...(start > 0 ? { 'Content-Range': `bytes ${start}-${body.length - 1}/${body.length}` } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : rest);
}
