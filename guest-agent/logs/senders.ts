import { createSocket } from 'node:dgram';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { isSyscallError } from '../syscalls/libc.ts';
import {
  AF_UNIX,
  closeDescriptor,
  connectSocket,
  openSocket,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  sendOnce,
  unixAddress,
} from '../syscalls/socket.ts';
import { dialFailure } from './go-values.ts';

/** How messages travel. Nothing rejects or throws but what `open…` says. */
export interface Sender {
  send(message: Buffer): Promise<void> | undefined;
  close(): Promise<void>;
}

export type StreamAddress =
  | { network: 'tcp'; host: string; port: number; tls?: ConnectionOptions }
  | { network: 'unix'; path: string };

/** How often and how patiently a broken connection is made anew for a message. */
export interface Retries {
  most: number;
  waitMs(attempt: number): number;
}

export interface StreamOptions {
  retries: Retries;
  patient: boolean;
  lost(error: unknown): void;
  /** What the far end says. */
  onData?: (data: Buffer) => void;
}

/** A server is told the name that it is asked for; an address is none. */
const serverName = (target: { host?: string }): { servername?: string } =>
  target.host && !isIP(target.host) ? { servername: target.host } : {};

const connectTimeoutMs = 10_000;
const closeGraceMs = 2000;

function dial(address: StreamAddress): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const tls = address.network === 'tcp' ? address.tls : undefined;
  const target = address.network === 'unix' ? { path: address.path } : { host: address.host, port: address.port };
  const socket = tls ? connectTls({ ...target, ...tls, ...serverName(target) }) : connectTcp(target);
  const late = setTimeout(
    () => socket.destroy(Object.assign(new Error('i/o timeout'), { code: 'ETIMEDOUT' })),
    connectTimeoutMs,
  );
  socket.once(tls ? 'secureConnect' : 'connect', () => resolve(socket));
  socket.once('error', reject);
  const where = address.network === 'unix' ? address.path : `${address.host}:${address.port}`;
  return promise.then(
    connected => {
      clearTimeout(late);
      connected.on('error', () => connected.destroy());
      return connected.unref();
    },
    error => {
      clearTimeout(late);
      throw new Error(dialFailure(error, address.network, where), { cause: error });
    },
  );
}

/** A connection, made anew when it breaks. @throws Error in Go's words when there is none, unless `patient` */
export async function openStream(address: StreamAddress, options: StreamOptions): Promise<Sender> {
  const sender = new StreamSender(address, options);
  if (!options.patient) await sender.connect();
  return sender;
}

class StreamSender implements Sender {
  readonly #address: StreamAddress;
  readonly #options: StreamOptions;
  readonly #over = new AbortController();
  #socket: Socket | undefined;
  /** The messages that wait, one after the other. */
  #last: Promise<void> | undefined;

  constructor(address: StreamAddress, options: StreamOptions) {
    this.#address = address;
    this.#options = options;
  }

  async connect(): Promise<Socket> {
    const socket = await dial(this.#address);
    socket.on('data', (data: Buffer) => this.#options.onData?.(data));
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = undefined;
    });
    this.#socket = socket;
    return socket;
  }

  send(message: Buffer): Promise<void> | undefined {
    const socket = this.#last ? undefined : this.#socket;
    if (socket?.writable && socket.write(message)) return undefined;
    const waiting = (this.#last ?? Promise.resolve()).then(() =>
      socket?.writable ? drained(socket) : this.#deliver(message),
    );
    const mine = waiting.finally(() => {
      if (this.#last === mine) this.#last = undefined;
    });
    this.#last = mine;
    return mine;
  }

  async close(): Promise<void> {
    const late = setTimeout(() => this.#over.abort(), closeGraceMs);
    await this.#last;
    clearTimeout(late);
    this.#over.abort();
    const socket = this.#socket;
    if (!socket) return;
    await new Promise<void>(resolve => {
      const gone = setTimeout(resolve, closeGraceMs).unref();
      socket.end(() => {
        clearTimeout(gone);
        resolve();
      });
    });
    socket.destroy();
  }

  async #deliver(message: Buffer): Promise<void> {
    const { retries, lost } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        const socket = this.#socket?.writable ? this.#socket : await this.connect();
        if (!socket.write(message)) await drained(socket);
        return;
      } catch (error) {
        if (attempt > retries.most || this.#over.signal.aborted) return lost(error);
        await this.#pause(retries.waitMs(attempt));
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, ms).unref();
      this.#over.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

const drained = (socket: Socket): Promise<void> =>
  new Promise(resolve => {
    const done = (): void => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });

/** UDP: sent and forgotten. @param split cuts a message into datagrams */
export function openDatagrams(
  { host, port }: { host: string; port: number },
  { split, lost }: { split?: (message: Buffer) => Buffer[]; lost(error: unknown): void },
): Sender {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4').unref();
  socket.on('error', lost);
  let pending = Promise.resolve();
  return {
    send: message => {
      const datagrams = split?.(message) ?? [message];
      pending = new Promise<void>(resolve => {
        let left = datagrams.length;
        for (const datagram of datagrams) {
          socket.send(datagram, port, host, error => {
            if (error) lost(error);
            left--;
            if (left === 0) resolve();
          });
        }
      });
      return undefined;
    },
    close: async () => {
      await pending;
      socket.close();
    },
  };
}

const fullRetryMs = 5;
const fullPatienceMs = 10_000;

/** A datagram socket in the file system, which Node has not. @throws SyscallError when nobody is there */
export function openUnixDatagrams(path: string, lost: (error: unknown) => void): Sender {
  let fd = connectUnix(path);
  let last: Promise<void> | undefined;
  const attempt = (message: Buffer): unknown => {
    try {
      sendOnce(fd, message);
      return undefined;
    } catch (error) {
      return error;
    }
  };
  const deliver = async (message: Buffer): Promise<void> => {
    const deadline = Date.now() + fullPatienceMs;
    let error = attempt(message);
    for (; isSyscallError(error, 'EAGAIN') && Date.now() < deadline; error = attempt(message)) {
      await new Promise(resolve => setTimeout(resolve, fullRetryMs));
    }
    if (error && !isSyscallError(error, 'EAGAIN')) error = again(message);
    if (error) lost(error);
  };
  /** Its owner may have been started anew. */
  const again = (message: Buffer): unknown => {
    try {
      const renewed = connectUnix(path);
      closeDescriptor(fd);
      fd = renewed;
    } catch (error) {
      return error;
    }
    return attempt(message);
  };
  return {
    send: message => {
      if (!last && attempt(message) === undefined) return undefined;
      const mine = (last ?? Promise.resolve())
        .then(() => deliver(message))
        .finally(() => {
          if (last === mine) last = undefined;
        });
      last = mine;
      return mine;
    },
    close: async () => {
      await last;
      closeDescriptor(fd);
    },
  };
}

function connectUnix(path: string): number {
  const fd = openSocket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK);
  try {
    connectSocket(fd, unixAddress(path), path);
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}
