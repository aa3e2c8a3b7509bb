import type { Duplex } from 'node:stream';
import { fromWire, toWire, unavailable, type WireError } from '../contracts/errors.ts';
import { linesOf } from './lines.ts';

/** The calls that one side serves: their names, what they take and what they give. */
export type Calls<Names> = { [Name in keyof Names]: { request: unknown; reply: unknown } };

/** One function for each call. What it throws arrives at the caller as an EngineError of the same kind. */
export type Handlers<Served extends Calls<Served>> = {
  [Name in keyof Served]: (request: Served[Name]['request']) => Served[Name]['reply'] | Promise<Served[Name]['reply']>;
};

interface Frame {
  id: number;
  call?: string;
  value?: unknown;
  error?: WireError;
}

interface Waiting {
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

/**
 * Two programs that call each other over one byte stream: a JSON document a line, `{id, call, value}` asks,
 * `{id, value}` or `{id, error}` answers. Calls run side by side; answers come in any order.
 */
export class JsonPeer<Served extends Calls<Served>, Offered extends Calls<Offered>> {
  /** Resolves when the stream is gone, for whatever reason. */
  readonly closed: Promise<void>;
  readonly #stream: Duplex;
  readonly #handlers: Handlers<Served>;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #open = true;

  constructor(stream: Duplex, handlers: Handlers<Served>) {
    this.#stream = stream;
    this.#handlers = handlers;
    this.closed = this.#serve().finally(() => this.#end());
    stream.on('error', () => undefined);
  }

  get open(): boolean {
    return this.#open;
  }

  /** Asks the other side. @throws the error it answered; `unavailable` when it does not answer in time or is gone. */
  call<Name extends keyof Offered & string>(
    name: Name,
    request: Offered[Name]['request'],
    timeoutMs = 10_000,
  ): Promise<Offered[Name]['reply']> {
    if (!this.#open) return Promise.reject(unavailable(`${name}: the connection is closed`));
    this.#lastId += 1;
    const id = this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const timer = setTimeout(() => reject(unavailable(`${name}: no answer within ${timeoutMs} ms`)), timeoutMs);
    this.#waiting.set(id, { resolve, reject });
    this.#send({ id, call: name, value: request });
    return promise.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }) as Promise<Offered[Name]['reply']>;
  }

  close(): void {
    this.#stream.destroy();
  }

  async #serve(): Promise<void> {
    try {
      for await (const line of linesOf(this.#stream)) this.#accept(JSON.parse(line) as Frame);
    } catch {
      this.#stream.destroy(); // a torn stream or a peer that does not speak JSON: the end in both cases
    }
  }

  #accept(frame: Frame): void {
    if (frame.call !== undefined) {
      void this.#answer(frame.id, frame.call, frame.value);
      return;
    }
    const waiting = this.#waiting.get(frame.id);
    if (frame.error) waiting?.reject(fromWire(frame.error));
    else waiting?.resolve(frame.value);
  }

  async #answer(id: number, name: string, request: unknown): Promise<void> {
    try {
      if (!Object.hasOwn(this.#handlers, name)) throw new Error(`There is no call named ${name}`);
      const handler = this.#handlers[name as keyof Served];
      this.#send({ id, value: (await handler(request as Served[keyof Served]['request'])) ?? {} });
    } catch (error) {
      this.#send({ id, error: toWire(error) });
    }
  }

  #send(frame: Frame): void {
    if (this.#open) this.#stream.write(`${JSON.stringify(frame)}\n`);
  }

  #end(): void {
    this.#open = false;
    this.#stream.destroy();
    for (const { reject } of this.#waiting.values()) reject(unavailable('the connection was closed'));
  }
}
