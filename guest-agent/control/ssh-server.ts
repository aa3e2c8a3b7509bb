import { timingSafeEqual } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { AuthContext, Connection, ParsedKey, ServerChannel, Session } from 'ssh2';
import keyParser from 'ssh2/lib/protocol/keyParser.js';
import SshListener from 'ssh2/lib/server.js';
import { relayChannel } from '../../base/channel-relay.ts';
import type { Log } from '../../base/log.ts';

/** Who serves a path that the host asks for: another program's socket, or a function of ours. */
export type LocalTarget = { socket: string } | { serve: (stream: Duplex) => void };

export interface SshServerOptions {
  /** OpenSSH private key. */
  hostKey: string;
  /** `ssh-ed25519 AAAA…`: nobody else gets in, and there is no other way in. */
  authorizedKeys: string[];
  listen: { host: string; port: number };
  /** The only address that may connect. Absent: every one may. */
  from?: string;
  /** The only local paths that may be opened. */
  targets: ReadonlyMap<string, LocalTarget>;
  /** Serves `berth shell`; without it a shell is refused. */
  shell?: (session: Session) => void;
  log: Log;
}

export interface SshServer {
  readonly port: number;
  close(): Promise<void>;
}

/** How long somebody may stay without having logged in, and how many may do so at once. */
const loginTimeoutMs = 20_000;
const maximumStrangers = 16;

/** Only what is fast in Node and good: AES-GCM by hardware or OpenSSL, one curve, one kind of key. */
export const sshAlgorithms = {
  kex: ['curve25519-sha256' as const],
  cipher: ['aes128-gcm@openssh.com' as const, 'aes256-gcm@openssh.com' as const],
  serverHostKey: ['ssh-ed25519' as const],
  hmac: ['hmac-sha2-256' as const],
  compress: ['none' as const],
};

/**
 * The machine's side of the channel: an SSH server that knows one user (a key), opens local sockets from a list and
 * TCP connections to the guest's published ports, and starts a shell. Resolves when it listens.
 */
export async function startSshServer(options: SshServerOptions): Promise<SshServer> {
  const keys = options.authorizedKeys.map(parseKey);
  const open = new Set<Socket>();
  let strangers = 0;
  const server = createServer({ noDelay: true }, socket => {
    const isUninvited = options.from !== undefined && socket.remoteAddress !== options.from;
    if (isUninvited || strangers >= maximumStrangers) {
      socket.destroy();
      return;
    }
    strangers += 1;
    const timer = setTimeout(() => socket.destroy(), loginTimeoutMs);
    const noStranger = once(() => {
      clearTimeout(timer);
      strangers -= 1;
    });
    open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      noStranger();
    });
    serveStream(socket, keys, options, noStranger);
  });
  const port = await listen(server, options.listen);
  return {
    port,
    close: () => {
      for (const socket of open) socket.destroy();
      return new Promise(resolve => server.close(() => resolve()));
    },
  };
}

function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}

function parseKey(text: string): ParsedKey {
  const key = keyParser.parseKey(text);
  const only = Array.isArray(key) ? key[0] : key;
  if (only === undefined || only instanceof Error) throw new Error(`not a public key: ${text.slice(0, 30)}`);
  return only;
}

function listen(server: Server, { host, port }: { host: string; port: number }): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}

/** A server of its own for every stream (cheap, and there are few), so that a login is known to belong to its stream. */
function serveStream(stream: Socket, keys: ParsedKey[], options: SshServerOptions, loggedIn: () => void): void {
  const config = {
    hostKeys: [options.hostKey],
    algorithms: sshAlgorithms,
    keepaliveInterval: 30_000,
    keepaliveCountMax: 6,
  };
  const server = new SshListener(config, connection => {
    connection.on('ready', loggedIn);
    serveConnection(connection, keys, options);
  });
  server.injectSocket(stream);
}

function serveConnection(connection: Connection, keys: ParsedKey[], options: SshServerOptions): void {
  const { log, targets } = options;
  connection.on('error', error => log.debug('ssh connection failed', { error: error.message }));
  connection.on('authentication', context => authenticate(context, keys));
  connection.on('ready', () => {
    connection.on('session', accept => {
      if (options.shell) options.shell(accept());
    });
    connection.on('openssh.streamlocal', (accept, reject, info) => {
      const target = targets.get(info.socketPath);
      if (!target) return reject();
      if ('serve' in target) return target.serve(accept());
      return openSocket(connect({ path: target.socket, allowHalfOpen: true }), accept, reject);
    });
    connection.on('tcpip', (accept, reject, { destIP, destPort }) => {
      if (!isOwnAddress(destIP)) return reject();
      return openSocket(connect({ host: destIP, port: destPort, allowHalfOpen: true, noDelay: true }), accept, reject);
    });
  });
}

/** Published ports are at the guest's own addresses: the channel is no door to the host's network. */
const isOwnAddress = (address: string): boolean => address.startsWith('127.') || address === '10.0.2.15';

/** Accepts only when the other end exists, so that the host sees a refused connection as one. */
function openSocket(socket: Socket, accept: () => ServerChannel, reject: () => void): void {
  socket.once('error', reject);
  socket.once('connect', () => {
    socket.off('error', reject);
    const channel: ServerChannel | undefined = accept();
    // The connection may have gone meanwhile; ssh2 then has no channel to give.
    if (channel) relayChannel(channel, socket);
    else socket.destroy();
  });
}

function authenticate(context: AuthContext, keys: ParsedKey[]): void {
  if (isKnown(context, keys)) context.accept();
  else context.reject(['publickey']);
}

function isKnown(context: AuthContext, keys: ParsedKey[]): boolean {
  if (context.method !== 'publickey') return false;
  const offered = context.key;
  const known = keys.find(key => key.type === offered.algo && equal(key.getPublicSSH(), offered.data));
  if (!known) return false;
  // Without a signature the client only asks whether the key would do.
  if (!context.signature || !context.blob) return true;
  return known.verify(context.blob, context.signature) === true;
}

const equal = (left: Buffer, right: Buffer): boolean => left.length === right.length && timingSafeEqual(left, right);
