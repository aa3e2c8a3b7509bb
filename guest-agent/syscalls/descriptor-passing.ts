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

/** `struct msghdr`, of one `struct iovec` and one `struct cmsghdr`; they live as long as their addresses are in use. */
function message(fd: number, data: Buffer): Buffer {
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
  return Object.assign(header, { keeps: [control, vector, data] });
}
