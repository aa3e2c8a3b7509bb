import { request } from 'node:http';
import { type IncomingHttpHeaders, performServerHandshake, type ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import { frame, messagesIn } from '../../guest-agent/builder/buildkit/frames.ts';
import { decode, encode } from '../../guest-agent/builder/buildkit/messages.ts';
import { Session } from '../../guest-agent/builder/buildkit/session.ts';
import { codes, GrpcError, toGrpcError } from '../../guest-agent/builder/buildkit/status.ts';
import { goMode, type Packet, packets } from '../../guest-agent/builder/buildkit/wire.ts';

/** A directory that a client serves: contents by path, in any order. */
export type ClientFolder = Readonly<Record<string, string>>;

/** What is asked of Control.Solve (moby/buildkit, api/services/control). */
export interface Solve {
  Frontend?: string;
  FrontendAttrs?: Readonly<Record<string, string>>;
  Definition?: object;
  Entitlements?: readonly string[];
  Exporter?: string;
  ExporterAttrs?: Readonly<Record<string, string>>;
  Cache?: object;
}

export interface Solved {
  answer: Readonly<Record<string, string>>;
  /** Names of the vertices, in the order in which they were first told; `cached` is whether it was. */
  vertices: ReadonlyMap<string, { cached: boolean; error: string }>;
}

/** A method of the bridge, called with that message. */
export type BridgeCall = (method: string, name: string, value: object) => Promise<Buffer>;

/** A call of the engine's to the client, answered by hand: calls of very many messages go out in one piece. */
type Served = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => Promise<void>;

const control = '/moby.buildkit.v1.Control/';
let clients = 0;

/**
 * A client of BuildKit's as small as it can be: it asks for what the docker command cannot ask for, and what it takes is
 * the engine's own share.
 */
export class BuildKitClient {
  readonly #control: Session;
  readonly #session: Duplex;
  readonly #id: string;
  #solves = 0;

  private constructor(connection: Session, session: Duplex, id: string) {
    this.#control = connection;
    this.#session = session;
    this.#id = id;
  }

  /**
   * Connects to an engine; `folders` are served by their names: `dockerfile`, `context`. `sharedKey`: what the client calls
   * them whenever it connects.
   */
  static async connect(
    socketPath: string,
    folders: Readonly<Record<string, ClientFolder>>,
    { secrets = {}, sharedKey }: { secrets?: Readonly<Record<string, string>>; sharedKey?: string } = {},
  ): Promise<BuildKitClient> {
    const id = `client-${process.pid}-${++clients}`;
    const served: Readonly<Record<string, Served>> = {
      '/moby.filesync.v1.FileSync/DiffCopy': (stream, headers) =>
        serveFolder(stream, headers, listingOf(folders[String(headers['dir-name'])] ?? {})),
      '/moby.filesync.v1.Auth/Credentials': async stream => answer(stream, encode('CredentialsResponse', {})),
      '/moby.buildkit.secrets.v1.Secrets/GetSecret': stream => serveSecret(stream, secrets),
      '/grpc.health.v1.Health/Check': async stream => answer(stream, new Uint8Array([8, 1])),
    };
    const session = await upgrade(socketPath, '/session', {
      'x-docker-expose-session-uuid': id,
      'x-docker-expose-session-name': 'test',
      'x-docker-expose-session-sharedkey': sharedKey ?? id,
      'x-docker-expose-session-grpc-method': Object.keys(served),
    });
    serve(session, served);
    return new BuildKitClient(new Session('', '', await upgrade(socketPath, '/grpc', {})), session, id);
  }

  /** Builds, and listens to what is told of it. @throws GrpcError */
  async solve(solve: Solve): Promise<Solved> {
    const Ref = `${this.#id}-${++this.#solves}`;
    const vertices = this.#listen(Ref);
    vertices.catch(() => undefined); // awaited when all went well
    const bytes = await this.#control.unary(
      `${control}Solve`,
      encode('SolveRequest', { Ref, Session: this.#id, ...solve }),
    );
    const { ExporterResponse } = decode<{ ExporterResponse: Record<string, string> }>('SolveResponse', bytes);
    return { answer: ExporterResponse, vertices: await vertices };
  }

  /** Drives the frontend itself, as `work` says, over BuildKit's bridge. @throws GrpcError */
  async drive(solve: Solve, work: (bridge: BridgeCall) => Promise<void>): Promise<Solved> {
    const Ref = `${this.#id}-${this.#solves + 1}`;
    const solving = this.solve(solve);
    const call: BridgeCall = async (method, name, value) => {
      const path = `/moby.buildkit.v1.frontend.LLBBridge/${method}`;
      const asked = this.#control.call(path, { 'buildkit-controlapi-buildid': Ref });
      await asked.send(encode(name, value));
      asked.end();
      const answers = await Array.fromAsync(asked.messages);
      return answers[0] ?? Buffer.alloc(0);
    };
    const [solved] = await Promise.all([solving, work(call)]);
    return solved;
  }

  close(): void {
    this.#control.close();
    this.#session.destroy();
  }

  async #listen(Ref: string): Promise<Map<string, { cached: boolean; error: string }>> {
    const seen = new Map<string, { cached: boolean; error: string }>();
    const call = this.#control.call(`${control}Status`);
    await call.send(encode('StatusRequest', { Ref }));
    call.end();
    for await (const message of call.messages) {
      const { vertexes } = decode<{ vertexes: { name: string; cached: boolean; error: string }[] }>(
        'StatusResponse',
        message,
      );
      for (const { name, cached, error } of vertexes) seen.set(name, { cached, error });
    }
    return seen;
  }
}

/** Takes a connection of Docker's API over. */
function upgrade(socketPath: string, path: string, headers: Record<string, string | string[]>): Promise<Duplex> {
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
  const upgrading = { Connection: 'Upgrade', Upgrade: 'h2c', ...headers };
  const asked = request({ socketPath, method: 'POST', path, headers: upgrading });
  asked.once('error', reject);
  asked.once('response', response => reject(new Error(`${path} answered ${response.statusCode}`)));
  asked.once('upgrade', (_, socket, head) => {
    if (head.length > 0) socket.unshift(head);
    resolve(socket);
  });
  asked.end();
  return promise;
}

function serve(socket: Duplex, served: Readonly<Record<string, Served>>): void {
  const session = performServerHandshake(socket);
  session.on('error', () => socket.destroy());
  session.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    const work = served[String(headers[':path'])];
    let status: number = work ? codes.ok : codes.unimplemented;
    stream.on('wantTrailers', () =>
      stream.sendTrailers({ 'grpc-status': String(status), 'grpc-message': 'not served' }),
    );
    if (!work) stream.end();
    else
      work(stream, headers).catch(error => {
        status = toGrpcError(error).code;
        stream.end();
      });
  });
}

function answer(stream: ServerHttp2Stream, message: Uint8Array): void {
  stream.resume();
  stream.end(frame(message));
}

async function serveSecret(stream: ServerHttp2Stream, secrets: Readonly<Record<string, string>>): Promise<void> {
  for await (const message of messagesIn(stream.iterator({ destroyOnReturn: false }))) {
    const secret = secrets[decode<{ ID: string }>('GetSecretRequest', message).ID];
    if (secret === undefined) throw new GrpcError(codes.notFound, 'not found');
    return answer(stream, encode('GetSecretResponse', { data: Buffer.from(secret) }));
  }
}

interface Listed {
  path: string;
  data: Buffer;
  /** The frame that tells of it. */
  told: Buffer;
}

const listings = new WeakMap<ClientFolder, readonly Listed[]>();

/** What a client says of a folder, worked out once for all clients that serve it: what is measured is the engine's share. */
function listingOf(files: ClientFolder): readonly Listed[] {
  const listing = listings.get(files) ?? listed(files);
  listings.set(files, listing);
  return listing;
}

/** Files and the directories above them in fsutil's order. */
function listed(files: ClientFolder): Listed[] {
  const folders = new Set(Object.keys(files).flatMap(parentsOf));
  const all = [...folders, ...Object.keys(files)].map(path => ({ path, key: path.replaceAll('/', '\0') }));
  all.sort((left, right) => (left.key < right.key ? -1 : 1));
  return all.map(({ path }) => {
    const content = files[path];
    const data = Buffer.from(content ?? '');
    const mode = content === undefined ? goMode.directory + 0o755 : 0o644;
    const stat = { path, mode, size: data.length, modTime: 1_700_000_000_000_000_000 };
    return { path, data, told: frame(encode('Packet', { type: packets.stat, stat })) };
  });
}

const parentsOf = (path: string): string[] =>
  path
    .split('/')
    .slice(0, -1)
    .map((_, index, parts) => parts.slice(0, index + 1).join('/'));

const allTold = frame(encode('Packet', { type: packets.stat }));

/** fsutil's sender: every name, then the files that are asked for. */
async function serveFolder(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  listing: readonly Listed[],
): Promise<void> {
  const included = [headers['include-patterns'] ?? []].flat().flatMap(each => each.split(', '));
  const shown = included.length === 0 ? listing : listing.filter(({ path }) => included.includes(path));
  stream.write(Buffer.concat([...shown.map(({ told }) => told), allTold]));
  for await (const message of messagesIn(stream.iterator({ destroyOnReturn: false }))) {
    const { type, ID } = decode<Packet>('Packet', message);
    if (type === packets.end) return void stream.end(frame(encode('Packet', { type: packets.end })));
    const data = shown[ID]?.data ?? Buffer.alloc(0);
    const pieces = data.length > 0 ? [frame(encode('Packet', { type: packets.data, ID, data }))] : [];
    stream.write(Buffer.concat([...pieces, frame(encode('Packet', { type: packets.data, ID }))]));
  }
}
