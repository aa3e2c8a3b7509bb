import type { BridgeCall, BridgeReplies, BridgeStream, CallRequest, StreamRequest } from '../../contracts/bridge.ts';
import {
  type ClientFrame,
  packBytes,
  type ServerFrame,
  streamWindow,
  unpackBytes,
} from '../../contracts/bridge-frames.ts';
import { type EngineError, fromWire, unavailable } from '../../contracts/errors.ts';
import { Upload } from './upload.ts';

/** A connection that frames travel on. */
export interface Port {
  send(data: string | Uint8Array<ArrayBuffer>): void;
}

export interface PortEvents {
  opened(): void;
  text(line: string): void;
  bytes(frame: Uint8Array): void;
  closed(): void;
}

/** What the reader of a stream wants to hear. `ended` comes once, with an error unless all went well. */
export interface StreamReader {
  item?(item: unknown): void;
  bytes?(bytes: Uint8Array): void;
  ended?(error: EngineError | undefined): void;
}

export interface OpenStream {
  /** Sent when the other side can take them. */
  sendBytes(bytes: Uint8Array): void;
  /** Sends a file in parts, each read when there is room for it, and then that no more comes. */
  sendBlob(blob: Blob): Promise<void>;
  sendItem(item: unknown): void;
  /** No more bytes will be sent. */
  finish(): void;
  /** Nothing more is heard of it. */
  cancel(): void;
}

interface Reading {
  reader: StreamReader;
  consumed: number;
  upload: Upload;
}

/** Credit is given back in parts of this size. */
const creditStep = streamWindow / 4;
const longestPauseMs = 5000;

/** The window's end of the bridge. It connects again whenever the connection breaks; what was open then has failed. */
export class BridgeClient {
  readonly #connect: (events: PortEvents) => Port;
  readonly #readings = new Map<number, Reading>();
  #port: Port | undefined;
  #connected = false;
  #next = 1;
  #pauseMs = 250;
  #waiting: (() => void)[] = [];
  /** Told when the connection is there, and when it is not. */
  onConnection: (connected: boolean) => void = () => undefined;

  constructor(connect: (events: PortEvents) => Port) {
    this.#connect = connect;
  }

  start(): void {
    this.#port = this.#connect({
      opened: () => this.#opened(),
      text: line => this.#take(JSON.parse(line) as ServerFrame),
      bytes: frame => this.#takeBytes(frame),
      closed: () => this.#closed(),
    });
  }

  /** Asks once. @throws EngineError of the other side */
  async call<Name extends BridgeCall>(name: Name, request: CallRequest<Name>): Promise<BridgeReplies[Name]> {
    if (!this.#connected) await new Promise<void>(resolve => this.#waiting.push(resolve));
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#begin('call', name, request, {
      item: resolve,
      ended: error => reject(error ?? unavailable('no answer came')),
    });
    return (await promise) as BridgeReplies[Name];
  }

  open<Name extends BridgeStream>(name: Name, request: StreamRequest<Name>, reader: StreamReader): OpenStream {
    const id = this.#begin('open', name, request, reader);
    return {
      sendBytes: bytes => this.#readings.get(id)?.upload.send(bytes),
      sendBlob: async blob => this.#readings.get(id)?.upload.sendBlob(blob),
      sendItem: item => this.#send({ type: 'input', id, item }),
      finish: () => this.#readings.get(id)?.upload.finish(),
      cancel: () => {
        if (this.#readings.delete(id)) this.#send({ type: 'cancel', id });
      },
    };
  }

  #begin(type: 'call' | 'open', name: string, request: unknown, reader: StreamReader): number {
    const id = this.#next++;
    if (!this.#connected) {
      queueMicrotask(() => reader.ended?.(unavailable('Berth does not answer')));
      return id;
    }
    const upload = new Upload(
      bytes => this.#port?.send(packBytes(id, bytes)),
      () => this.#send({ type: 'finish', id }),
    );
    this.#readings.set(id, { reader, consumed: 0, upload });
    this.#send({ type, id, name, request });
    return id;
  }

  #send(frame: ClientFrame): void {
    if (this.#connected) this.#port?.send(JSON.stringify(frame));
  }

  #take(frame: ServerFrame): void {
    const reading = this.#readings.get(frame.id);
    if (!reading) return; // cancelled, while this was under way
    if (frame.type === 'item') {
      reading.reader.item?.(frame.item);
      return;
    }
    if (frame.type === 'credit') {
      reading.upload.refill(frame.bytes);
      return;
    }
    this.#readings.delete(frame.id);
    reading.reader.ended?.(frame.type === 'error' ? fromWire(frame.error) : undefined);
  }

  #takeBytes(frame: Uint8Array): void {
    const unpacked = unpackBytes(frame);
    const reading = unpacked && this.#readings.get(unpacked.id);
    if (!reading) return;
    reading.reader.bytes?.(unpacked.bytes);
    reading.consumed += unpacked.bytes.length;
    if (reading.consumed < creditStep) return;
    this.#send({ type: 'credit', id: unpacked.id, bytes: reading.consumed });
    reading.consumed = 0;
  }

  #opened(): void {
    this.#connected = true;
    this.#pauseMs = 250;
    for (const go of this.#waiting.splice(0)) go();
    this.onConnection(true);
  }

  #closed(): void {
    const readings = [...this.#readings.values()];
    this.#readings.clear();
    if (this.#connected) this.onConnection(false);
    this.#connected = false;
    for (const { reader } of readings) reader.ended?.(unavailable('The connection to Berth was lost'));
    setTimeout(() => this.start(), this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
  }
}
