import { Readable } from 'node:stream';
import type { Descriptor } from '../../../contracts/oci/descriptor.ts';
import type { Digest } from '../../../contracts/oci/digest.ts';
import { digestOf } from '../../images/index.ts';
import type { CacheSource } from '../remote-cache/imported-cache.ts';
import { wholeDocument } from '../remote-cache/whole-document.ts';
import { decode, encode } from './messages.ts';
import type { Session } from './session.ts';
import { GrpcError } from './status.ts';

const service = '/containerd.services.content.v1.Content/';
const actions = { write: 1, commit: 2 } as const;
const pieceBytes = 1024 * 1024;

/** A blob on its way to the client. */
export interface OutgoingBlob {
  digest: Digest;
  /** In bytes. */
  size: number;
  open(): Readable;
}

/** Where a client keeps blobs for us, by the name that it has for it: containerd's content service over its session. */
export class ClientContent implements CacheSource {
  readonly #session: Session;
  readonly #metadata: Record<string, string>;
  readonly #root: string;

  /** `root`: digest of what the cache begins with; '' to write only. */
  constructor(session: Session, store: string, root: string) {
    this.#session = session;
    this.#metadata = { 'buildkit-attachable-store-id': store };
    this.#root = root;
  }

  root(): Promise<Buffer> {
    return this.document({ digest: this.#root as Digest });
  }

  document({ digest }: Pick<Descriptor, 'digest'>): Promise<Buffer> {
    return wholeDocument(this.#read(digest, 0), digest);
  }

  async blob(digest: Digest, offset: number): Promise<{ offset: number; stream: Readable }> {
    return { offset, stream: Readable.from(this.#read(digest, offset), { objectMode: false }) };
  }

  async *#read(digest: Digest, offset: number): AsyncGenerator<Buffer> {
    const call = this.#session.call(`${service}Read`, this.#metadata);
    await call.send(encode('ReadContentRequest', { digest, offset }));
    call.end();
    for await (const message of call.messages) {
      yield Buffer.from(decode<{ data: Uint8Array }>('ReadContentResponse', message).data);
    }
  }

  /** Gives a blob to the client, unless it has it. */
  async write({ digest, size, open }: OutgoingBlob): Promise<void> {
    const call = this.#session.call(`${service}Write`, this.#metadata);
    const about = { ref: `cache-${digest}`, total: size, expected: digest };
    const answered = drained(call.messages);
    answered.catch(() => undefined);
    let offset = 0;
    for await (const chunk of open() as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length; at += pieceBytes) {
        const data = chunk.subarray(at, at + pieceBytes);
        await call.send(encode('WriteContentRequest', { ...about, action: actions.write, offset, data }));
        offset += data.length;
      }
    }
    await call.send(encode('WriteContentRequest', { ...about, action: actions.commit, offset }));
    call.end();
    await answered;
  }

  writeDocument(bytes: Buffer): Promise<void> {
    return this.write({ digest: digestOf(bytes), size: bytes.length, open: () => Readable.from([bytes]) });
  }
}

const alreadyExists = 6;

/** It says of each piece that it has it; a blob that is there already ends the call. @throws GrpcError */
async function drained(messages: AsyncIterable<Buffer>): Promise<void> {
  try {
    for await (const _ of messages) await Promise.resolve();
  } catch (error) {
    const isThere = error instanceof GrpcError && error.code === alreadyExists;
    if (!isThere) throw error;
  }
}
