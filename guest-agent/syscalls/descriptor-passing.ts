import koffi from 'koffi';
import { check, declare } from './libc.ts';
import { AF_UNIX, closeDescriptor, openSocket, SOCK_STREAM, SOL_SOCKET } from './socket.ts';

const SCM_RIGHTS = 1;
const connectCall = declare<(fd: number, address: Uint8Array, length: number) => number>(
  'int connect(int fd, const void *address, unsigned int length)',
);
const sendmsgCall = declare<(fd: number, message: Uint8Array, flags: number) => number>(
  'long sendmsg(int fd, const void *message, int flags)',
);

const recvmsgCall = declare<(fd: number, message: Uint8Array, flags: number) => number>(
  'long recvmsg(int fd, void *message, int flags)',
);
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;

const pointer = (buffer: Buffer): bigint => BigInt(koffi.address(buffer));

/** Connects to the unix socket at `path` and passes it `fd`, with `name` as its text. unix(7), cmsg(3) */
export function passDescriptor(path: string, fd: number, name: string): void {
  const socket = openSocket(AF_UNIX, SOCK_STREAM);
  try {
    const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(path), Buffer.alloc(1)]); // sockaddr_un
    check('connect', connectCall(socket, address, address.length), path);
    check('sendmsg', sendmsgCall(socket, message(fd, Buffer.from(name)), 0), path);
  } finally {
    closeDescriptor(socket);
  }
}

/** Passes `fd` over a connected unix socket, with `text`, which is not empty. unix(7) @throws SyscallError when nobody is left there */
export function sendDescriptor(socket: number, fd: number, text: string): void {
  check('sendmsg', sendmsgCall(socket, message(fd, Buffer.from(text)), MSG_NOSIGNAL), text);
}

/** Waits for what {@link sendDescriptor} sends, of at most 64 bytes; undefined at the end. */
export function receiveDescriptor(socket: number): { fd: number; text: string } | undefined {
  const data = Buffer.alloc(64);
  const header = message(-1, data);
  const length = check('recvmsg', recvmsgCall(socket, header, MSG_CMSG_CLOEXEC), socket);
  if (length === 0) return undefined;
  return { fd: header.keeps[0].readInt32LE(16), text: data.toString('utf8', 0, length) };
}

/** `struct msghdr`, of one `struct iovec` and one `struct cmsghdr`; they live as long as their addresses are in use. */
function message(fd: number, data: Buffer): Buffer & { keeps: [control: Buffer, vector: Buffer, data: Buffer] } {
  const control = Buffer.alloc(24);
  control.writeBigUInt64LE(20n, 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  control.writeInt32LE(fd, 16);
  const vector = Buffer.alloc(16);
  vector.writeBigUInt64LE(pointer(data), 0);
  vector.writeBigUInt64LE(BigInt(data.length), 8);
  const header = Buffer.alloc(56);
  header.writeBigUInt64LE(pointer(vector), 16);
  header.writeBigUInt64LE(1n, 24);
  header.writeBigUInt64LE(pointer(control), 32);
  header.writeBigUInt64LE(BigInt(control.length), 40);
  return Object.assign(header, { keeps: [control, vector, data] as [Buffer, Buffer, Buffer] });
}
