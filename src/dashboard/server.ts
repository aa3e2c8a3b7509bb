import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { bridgePath, bridgeProtocol, keyMark } from '../../contracts/bridge-frames.ts';
import { Access } from './access.ts';
import { type Asset, contentSecurityPolicy, readAssets } from './assets.ts';
import { type BridgeServers, serveBridge } from './bridge.ts';
import type { Channel } from './channel.ts';

export interface Dashboard {
  port: number;
  /** An address that opens the dashboard in one browser, once. */
  newAddress(): string;
  close(): Promise<void>;
}

const largestFrame = 4 << 20;

/** Serves the window on loopback. `port` 0 takes a free one. @throws Error when the port is taken */
export async function serveDashboard(folder: string, servers: BridgeServers, port = 0): Promise<Dashboard> {
  const assets = readAssets(folder);
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const { port: actual } = server.address() as AddressInfo;
  const access = new Access(actual);
  server.on('request', (request, answer) => answerRequest(access, assets, request, answer));
  const sockets = acceptSockets(server, access, servers);
  return {
    port: actual,
    newAddress: () => `http://127.0.0.1:${actual}/?token=${access.newToken()}`,
    close: async () => {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

function answerRequest(
  access: Access,
  assets: Map<string, Asset>,
  request: IncomingMessage,
  answer: ServerResponse,
): void {
  answer.setHeader('content-security-policy', contentSecurityPolicy);
  answer.setHeader('x-content-type-options', 'nosniff');
  answer.setHeader('referrer-policy', 'no-referrer');
  answer.setHeader('cross-origin-opener-policy', 'same-origin');
  const url = URL.parse(request.url ?? '/', 'http://dashboard');
  if (!access.knowsHost(request.headers.host)) refuse(answer, 421, 'This name is not the dashboard.');
  else if (request.method !== 'GET' && request.method !== 'HEAD') refuse(answer, 405, 'Only GET.');
  else if (!url) refuse(answer, 400, 'This is no address.');
  else answerPage(access, assets, url, request, answer);
}

function answerPage(
  access: Access,
  assets: Map<string, Asset>,
  { pathname, searchParams }: URL,
  request: IncomingMessage,
  answer: ServerResponse,
): void {
  const asset = assets.get(pathname) ?? (pathname.includes('.') ? undefined : assets.get('/index.html'));
  const token = searchParams.get('token');
  if (token !== null) redeem(access, token, pathname, answer);
  else if (!access.knowsCookie(request.headers.cookie)) refuse(answer, 401, usedAddress);
  else if (asset) sendAsset(request, answer, asset);
  else refuse(answer, 404, 'There is no such page.');
}

const usedAddress = 'This address was used before, or is not complete. Type `berth dashboard` for a new one.';

function redeem(access: Access, token: string, location: string, answer: ServerResponse): void {
  const pass = access.redeem(token);
  if (pass) {
    // two slashes would begin the name of another host
    const place = `${location.replace(/^\/+/, '/')}${keyMark}${pass.key}`;
    answer.writeHead(303, { 'set-cookie': pass.cookie, location: place, 'cache-control': 'no-store' }).end();
  } else refuse(answer, 401, usedAddress);
}

function sendAsset(request: IncomingMessage, answer: ServerResponse, asset: Asset): void {
  const packed = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
  const bytes = packed ? asset.gzip : asset.bytes;
  answer.writeHead(200, {
    'content-type': asset.type,
    'content-length': bytes.length,
    'cache-control': asset.immutable ? 'private, max-age=31536000, immutable' : 'no-cache',
    ...(packed && { 'content-encoding': 'gzip' }),
  });
  answer.end(request.method === 'HEAD' ? undefined : bytes);
}

function refuse(answer: ServerResponse, status: number, message: string): void {
  answer.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  answer.end(`${message}\n`);
}

function acceptSockets(server: Server, access: Access, servers: BridgeServers): WebSocketServer {
  const sockets = new WebSocketServer({
    ...{ noServer: true, maxPayload: largestFrame, perMessageDeflate: false },
    handleProtocols: () => bridgeProtocol, // never the key
  });
  server.on('upgrade', (request, socket, head) => {
    const { host, origin, cookie, 'sec-websocket-protocol': protocols } = request.headers;
    const isOurs = access.knowsHost(host) && access.knowsOrigin(origin);
    if (!isOurs || !access.knowsCookie(cookie) || !access.knowsKey(protocols) || request.url !== bridgePath) {
      socket.on('error', () => socket.destroy()); // nobody else listens to it any more
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, client => serveBridge(channelOf(client), servers));
  });
  return sockets;
}

function channelOf(socket: WebSocket): Channel {
  socket.on('error', () => socket.terminate());
  return {
    sendText: line => socket.send(line),
    sendBytes: frame => socket.send(frame),
    onText: take => socket.on('message', (data, binary) => void (binary || take(String(data)))),
    onBytes: take => socket.on('message', (data, binary) => void (binary && take(data as Buffer))),
    onClose: take => socket.on('close', take),
  };
}
