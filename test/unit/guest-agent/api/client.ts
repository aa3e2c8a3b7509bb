import { type IncomingHttpHeaders, request } from 'node:http';
import { connect, type Socket } from 'node:net';

export interface Answered {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The body as JSON, if it is. */
  document: unknown;
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** One request and its whole answer; bytes as Latin-1. */
export function ask(
  socketPath: string,
  method: string,
  path: string,
  body?: string,
  headers: Record<string, string> = {},
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path, headers: { ...headers, connection: 'close' } }, response => {
      let text = '';
      response.setEncoding('latin1').on('data', piece => {
        text += piece;
      });
      response.on('error', reject);
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, document: parsed(text) });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

export interface Conversation {
  socket: Socket;
  /** Waits until `text` has come; returns all that has. */
  until(text: string): Promise<string>;
  received(): string;
  bytes(): number;
  ended: Promise<void>;
}

/** A bare connection, for what HTTP clients do not do. */
export async function talk(socketPath: string): Promise<Conversation> {
  const socket = connect({ path: socketPath, allowHalfOpen: true });
  await new Promise(resolve => socket.once('connect', resolve));
  let received = '';
  const watchers = new Set<() => void>();
  socket.setEncoding('latin1').on('data', piece => {
    received += piece;
    for (const watch of watchers) watch();
  });
  socket.on('error', () => undefined);
  const ended = new Promise<void>(resolve => {
    socket.once('end', () => resolve());
    socket.once('close', () => resolve());
  });
  const until = (text: string): Promise<string> =>
    new Promise(resolve => {
      const watch = (): void => {
        if (!received.includes(text)) return;
        watchers.delete(watch);
        resolve(received);
      };
      watchers.add(watch);
      watch();
    });
  return { socket, until, received: () => received, bytes: () => received.length, ended };
}
