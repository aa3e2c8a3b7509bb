import { Readable } from 'node:stream';
import { decode } from './messages.ts';
import type { Session } from './session.ts';

const host = 'buildkit-session';

/** An address that only the client's session knows: what somebody gave it on its standard input, `docker build -`. */
export const isUpload = (address: string): boolean => address.startsWith(`http://${host}/`);

/** What the client has at such an address (BuildKit's session/upload). Errors are the stream's. */
export function openUpload(session: Pick<Session, 'call'>, address: string): Readable {
  const { pathname } = new URL(address);
  const call = session.call('/moby.upload.v1.Upload/Pull', { urlpath: pathname, urlhost: host });
  call.end();
  return Readable.from(bytesOf(call.messages), { objectMode: false });
}

/** The bytes of messages that are nothing else. */
export async function* bytesOf(messages: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  for await (const message of messages) yield decode<{ data: Uint8Array }>('BytesMessage', message).data;
}
