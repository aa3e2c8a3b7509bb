/** The wire format of netlink(7): headers and attributes, little-endian, aligned to four bytes. Nothing here talks to a kernel. */

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_EXCL = 0x200;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_CREATE = 0x400;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;
const NLMSGERR_ATTR_MSG = 1;
const headerBytes = 16;

/** `[type, value]`; a list of attributes is a nested one. */
export type Attribute = readonly [type: number, value: Uint8Array | readonly Attribute[]];

/** What a request says, before it gets a sequence number. */
export interface Request {
  type: number;
  flags: number;
  /** the fixed part of the message: `struct ifinfomsg` … */
  head: Uint8Array;
  attributes: readonly Attribute[];
  /** what it is about, for errors */
  subject: string;
}

export interface Message {
  type: number;
  flags: number;
  sequence: number;
  payload: Buffer;
}

export const align = (length: number): number => (length + 3) & ~3;

export function u8(value: number): Buffer {
  return Buffer.from([value]);
}

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

/** A string as the kernel wants it, with its zero. */
export const text = (value: string): Buffer => Buffer.from(`${value}\0`);

export function encodeAttributes(attributes: readonly Attribute[]): Buffer {
  return Buffer.concat(attributes.map(encodeAttribute));
}

function encodeAttribute([type, value]: Attribute): Buffer {
  const nested = !(value instanceof Uint8Array);
  const data = nested ? encodeAttributes(value) : value;
  const bytes = Buffer.alloc(align(4 + data.length));
  bytes.writeUInt16LE(4 + data.length, 0);
  bytes.writeUInt16LE(nested ? type | NLA_F_NESTED : type, 2);
  bytes.set(data, 4);
  return bytes;
}

/** One message, ready to be sent, alone or after others. */
export function encodeRequest(request: Request, sequence: number, extraFlags = 0): Buffer {
  const body = encodeAttributes(request.attributes);
  const bytes = Buffer.alloc(headerBytes + align(request.head.length) + body.length);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(request.type, 4);
  bytes.writeUInt16LE(request.flags | NLM_F_REQUEST | extraFlags, 6);
  bytes.writeUInt32LE(sequence, 8);
  bytes.set(request.head, headerBytes);
  bytes.set(body, headerBytes + align(request.head.length));
  return bytes;
}

/** The messages in one datagram; what is cut off or makes no sense ends the list. */
export function decodeMessages(datagram: Buffer): Message[] {
  const messages: Message[] = [];
  let offset = 0;
  while (offset + headerBytes <= datagram.length) {
    const length = datagram.readUInt32LE(offset);
    if (length < headerBytes || offset + length > datagram.length) break;
    messages.push({
      type: datagram.readUInt16LE(offset + 4),
      flags: datagram.readUInt16LE(offset + 6),
      sequence: datagram.readUInt32LE(offset + 8),
      payload: datagram.subarray(offset + headerBytes, offset + length),
    });
    offset += align(length);
  }
  return messages;
}

/** Attributes by type; the last of a kind wins, as in the kernel. */
export function decodeAttributes(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  let offset = 0;
  while (offset + 4 <= bytes.length) {
    const length = bytes.readUInt16LE(offset);
    if (length < 4 || offset + length > bytes.length) break;
    found.set(bytes.readUInt16LE(offset + 2) & NLA_TYPE_MASK, bytes.subarray(offset + 4, offset + length));
    offset += align(length);
  }
  return found;
}

/** A string attribute without its zero. */
export const decodeText = (bytes: Buffer): string => bytes.toString('utf8').replace(/\0.*$/s, '');

/** The kernel's answer to a request: errno 0 is yes; `reason` is its own explanation, if it gave one. */
export function decodeAnswer(message: Message): { errno: number; reason?: string } {
  const errno = Math.abs(message.payload.readInt32LE(0));
  if (!(message.flags & NLM_F_ACK_TLVS)) return { errno };
  const echoed = message.flags & NLM_F_CAPPED ? headerBytes : align(message.payload.readUInt32LE(4));
  const said = decodeAttributes(message.payload.subarray(4 + echoed)).get(NLMSGERR_ATTR_MSG);
  return said ? { errno, reason: decodeText(said) } : { errno };
}
