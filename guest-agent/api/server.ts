import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Log } from '../../base/log.ts';
import { notImplemented } from '../../contracts/errors.ts';
import type { QueryShape, Route } from '../../contracts/route.ts';
import type { Engine } from '../engine/index.ts';
import { answer, answerFailure, sendJson, sendProgress } from './answer.ts';
import { readBody } from './body.ts';
import type { Call, Handler, LoadBuilder } from './call.ts';
import { type ApiMinor, apiVersion, negotiate } from './compat.ts';
import { toErrorAnswer } from './errors.ts';
import { isBuildKit, serveBuildKit } from './grpc.ts';
import { mayUpgrade } from './hijack.ts';
import { listenOn, type SocketAccess } from './listen.ts';
import { Router } from './router.ts';
import { allRoutes } from './routes/all.ts';
import { noteUpgrade } from './take-over.ts';

export interface ApiOptions {
  engine: Engine;
  builder?: LoadBuilder;
  /** Where the unix socket is made. */
  socketPath: string;
  access?: SocketAccess;
  /** The engine's version, for the `Server` header. */
  version: string;
  log: Log;
}

/** The Docker API, open for requests. */
export interface Api {
  /** Serves a connection that came by another way than the unix socket. */
  accept(connection: Duplex): void;
  /** Stops listening and drops every connection, hijacked ones too. */
  close(): Promise<void>;
}

/** Go's limit for headers; `X-Registry-Config` and its kind are long. */
const maximumHeaderBytes = 1024 * 1024;

/** As dockerd's: who has not finished asking by then is let go. */
const headersTimeout = 5 * 60_000;

const noBody: unknown = undefined;

/** Reads a route's declared parameters. @throws invalid-argument */
function readQuery(shape: QueryShape, search: string): Record<string, unknown> {
  const names = Object.keys(shape);
  if (names.length === 0) return {};
  const given = new URLSearchParams(search);
  return Object.fromEntries(
    names.map(name => [name, shape[name]?.(given.get(name) ?? undefined, name, given.getAll(name))]),
  );
}

/** Aborts when the connection goes before the answer has. Made only for handlers that ask for it. */
function signalOf(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  const gone = (): void => {
    if (!response.writableFinished) controller.abort();
  };
  if (response.destroyed) gone();
  response.once('close', gone);
  return controller.signal;
}

class DockerApi implements Api {
  readonly #server: Server;
  readonly #engine: Engine;
  readonly #builder: LoadBuilder;
  readonly #log: Log;
  readonly #router = new Router<Handler>(allRoutes);
  readonly #connections = new Set<Duplex>();
  readonly #identity: Readonly<Record<string, string>>;

  constructor(options: ApiOptions) {
    this.#engine = options.engine;
    this.#builder = options.builder ?? withoutBuilder;
    this.#log = options.log;
    this.#identity = {
      'Api-Version': apiVersion,
      'Docker-Experimental': String(options.engine.experimental),
      Ostype: 'linux',
      Server: `Docker/${options.version} (linux)`,
    };
    this.#server = createServer({
      keepAliveTimeout: 0,
      headersTimeout,
      requestTimeout: 0,
      maxHeaderSize: maximumHeaderBytes,
      requireHostHeader: false,
      shouldUpgradeCallback: request => mayUpgrade(request) || isBuildKit(request),
    });
    this.#server.on('connection', connection => this.#remember(connection));
    this.#server.on('request', (request, response) => void this.#handle(request, response));
    this.#server.on('upgrade', (request, socket, head) => this.#handleUpgrade(request, socket, head));
  }

  listen(path: string, access: SocketAccess): Promise<void> {
    return listenOn(this.#server, path, access);
  }

  accept(connection: Duplex): void {
    this.#server.emit('connection', connection);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.destroy();
    await closed;
  }

  #remember(connection: Duplex): void {
    this.#connections.add(connection);
    connection.once('close', () => this.#connections.delete(connection));
  }

  /** An upgrade may still be answered as an ordinary request: the container is not there, the exec is detached. */
  #handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    if (head.length > 0) socket.unshift(head);
    if (isBuildKit(request)) {
      serveBuildKit(request, socket, this.#builder).catch(error => {
        this.#log.error('A build connection failed', { error });
        socket.destroy();
      });
      return;
    }
    noteUpgrade(request, socket);
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(request.socket);
    response.on('finish', () => socket.end());
    void this.#handle(request, response);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let route: Route | undefined;
    try {
      for (const name in this.#identity) response.setHeader(name, this.#identity[name] ?? '');
      if (request.method === 'OPTIONS') {
        response.writeHead(200, { 'Content-Length': 0 }).end();
        return;
      }
      const { version, path, search } = parseTarget(request.url ?? '/');
      const match = this.#router.find(request.method ?? 'GET', path);
      if (!match) {
        sendJson(response, 404, { message: 'page not found' });
        return;
      }
      ({ route } = match.served);
      const call = await this.#callOf(request, response, { route, path: match.path, search, version });
      const result = await match.served.handler(call, this.#engine);
      const { kind, status, contentType } = route.answer;
      await answer(kind, { request, response, version, status, contentType }, result);
    } catch (error) {
      this.#fail(request, response, route, error);
    }
  }

  async #callOf(
    request: IncomingMessage,
    response: ServerResponse,
    found: { route: Route; path: Call['path']; search: string; version: ApiMinor },
  ): Promise<Call> {
    const { route, path, search, version } = found;
    let signal: AbortSignal | undefined;
    return {
      path,
      version,
      query: readQuery(route.query, search),
      body: route.body ? await readBody(request, route.body) : noBody,
      headers: request.headers,
      input: request,
      builder: this.#builder,
      get signal() {
        signal ??= signalOf(response);
        return signal;
      },
      header: (name, value) => void response.setHeader(name, value),
      progress: message => sendProgress(response, message),
    };
  }

  #fail(request: IncomingMessage, response: ServerResponse, route: Route | undefined, error: unknown): void {
    const clientLeft = response.destroyed && !response.writableFinished;
    if (toErrorAnswer(error).unexpected && !clientLeft) {
      this.#log.error('request failed', { method: request.method, url: request.url, error });
    }
    try {
      answerFailure(route?.answer.kind, response, error);
    } catch (failure) {
      this.#log.error('answer failed', { url: request.url, error: failure });
      response.destroy();
    }
  }
}

const withoutBuilder: LoadBuilder = async () => {
  throw notImplemented('this engine has no builder');
};

const versionPrefix = /^\/v(\d+(?:\.\d+)?)(?=\/)/;

/** @throws invalid-argument when we do not speak the version that the path asks for */
function parseTarget(url: string): { version: ApiMinor; path: string; search: string } {
  const questionMark = url.indexOf('?');
  const whole = questionMark === -1 ? url : url.slice(0, questionMark);
  const search = questionMark === -1 ? '' : url.slice(questionMark + 1);
  const prefix = versionPrefix.exec(whole);
  return {
    version: negotiate(prefix?.[1]),
    path: prefix ? whole.slice(prefix[0].length) : whole,
    search,
  };
}

/** Listens on `socketPath`. @throws conflict when another engine answers there */
export async function openApi(options: ApiOptions): Promise<Api> {
  const api = new DockerApi(options);
  await api.listen(options.socketPath, options.access ?? {});
  return api;
}
