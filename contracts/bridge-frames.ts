import type { WireError } from './errors.ts';

/**
 * How calls and streams share one connection (a web socket, or a message port of Electron). Documents travel as text, bytes
 * as binary frames of a stream's number (4 bytes, big-endian) and the bytes. Either side stops sending bytes of a stream that
 * has used up its credit, so that a slow window never makes Berth hold a log of gigabytes, a slow disk never makes it hold an
 * upload, and one stream never blocks others.
 */
export type ClientFrame =
  | { type: 'call'; id: number; name: string; request: unknown }
  | { type: 'open'; id: number; name: string; request: unknown }
  /** A document for an open stream (a terminal's new size). */
  | { type: 'input'; id: number; item: unknown }
  /** No more bytes come for it. */
  | { type: 'finish'; id: number }
  /** So many bytes have been consumed. */
  | { type: 'credit'; id: number; bytes: number }
  | { type: 'cancel'; id: number };

export type ServerFrame =
  | { type: 'item'; id: number; item: unknown }
  /** So many bytes of the window have been consumed. */
  | { type: 'credit'; id: number; bytes: number }
  | { type: 'end'; id: number }
  | { type: 'error'; id: number; error: WireError };

/** Bytes that a stream may be ahead of its reader. */
export const streamWindow = 1 << 20;

/** The path of the web socket. */
export const bridgePath = '/bridge';

/** The web socket's protocol; the key of the page is named beside it. */
export const bridgeProtocol = 'berth';

/** Before the key, behind the `#` of the address that a token leads to: browsers send none of that to anybody. */
export const keyMark = '#key=';

const headerLength = 4;

export function packBytes(id: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(headerLength + bytes.length);
  new DataView(frame.buffer).setUint32(0, id);
  frame.set(bytes, headerLength);
  return frame;
}

/** Undefined for what is too short to be a frame. */
export function unpackBytes(frame: Uint8Array): { id: number; bytes: Uint8Array } | undefined {
  if (frame.length < headerLength) return undefined;
  const id = new DataView(frame.buffer, frame.byteOffset, frame.byteLength).getUint32(0);
  return { id, bytes: frame.subarray(headerLength) };
}

/** Undefined for what is not a frame. */
export function parseClientFrame(line: string): ClientFrame | undefined {
  try {
    const frame = JSON.parse(line) as Partial<ClientFrame> | null;
    return typeof frame?.type === 'string' && Number.isInteger(frame.id) ? (frame as ClientFrame) : undefined;
  } catch {
    return undefined;
  }
}
