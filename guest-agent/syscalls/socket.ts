import { check, declare } from './libc.ts';

const socketCall = declare<(domain: number, type: number, protocol: number) => number>(
  'int socket(int domain, int type, int protocol)',
);
const bindCall = declare<(fd: number, address: Uint8Array, length: number) => number>(
  'int bind(int fd, const void *address, unsigned int length)',
);
const connectCall = declare<(fd: number, address: Uint8Array, length: number) => number>(
  'int connect(int fd, const void *address, unsigned int length)',
);
const listenCall = declare<(fd: number, backlog: number) => number>('int listen(int fd, int backlog)');
const setsockopt = declare<(fd: number, level: number, name: number, value: Uint8Array, length: number) => number>(
  'int setsockopt(int fd, int level, int name, const void *value, unsigned int length)',
);
const sendCall = declare<(fd: number, data: Uint8Array, length: number, flags: number) => number>(
  'long send(int fd, const void *data, size_t length, int flags)',
);
const recvCall = declare<(fd: number, data: Uint8Array, length: number, flags: number) => number>(
  'long recv(int fd, void *data, size_t length, int flags)',
);
const closeCall = declare<(fd: number) => number>('int close(int fd)');

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_RCVTIMEO = 20;
/** To be added to a socket's type: nothing waits on it. */
export const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

/** socket(2), closed on exec. Returns the descriptor. */
export function openSocket(domain: number, type: number, protocol = 0): number {
  return check('socket', socketCall(domain, type | SOCK_CLOEXEC, protocol), `domain ${domain}`);
}

/** bind(2) to a raw `sockaddr`; `subject` names it in errors. */
export function bindSocket(fd: number, address: Uint8Array, subject = ''): void {
  check('bind', bindCall(fd, address, address.length), subject);
}

/** connect(2) to a raw `sockaddr`; of a datagram socket it fixes where {@link sendOnce} sends. */
export function connectSocket(fd: number, address: Uint8Array, subject = ''): void {
  check('connect', connectCall(fd, address, address.length), subject);
}

export function listenSocket(fd: number, backlog: number, subject = ''): void {
  check('listen', listenCall(fd, backlog), subject);
}

/** setsockopt(2) of a raw value. */
export function setSocketOption(fd: number, level: number, name: number, value: Uint8Array): void {
  check('setsockopt', setsockopt(fd, level, name, value, value.length), `${level}/${name}`);
}

/** setsockopt(2) of an int. */
export function setSocketNumber(fd: number, level: number, name: number, value: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  setSocketOption(fd, level, name, bytes);
}

/** send(2) in one call; for datagrams and netlink, where it is all or nothing. */
export function sendOnce(fd: number, data: Uint8Array): void {
  check('send', sendCall(fd, data, data.length, 0));
}

/** recv(2) into `buffer`; returns the number of bytes, 0 at the end. */
export function receive(fd: number, buffer: Uint8Array): number {
  return check('recv', recvCall(fd, buffer, buffer.length, 0));
}

/** close(2) of a descriptor that Node does not know. Errors are of no use to anybody. */
export function closeDescriptor(fd: number): void {
  closeCall(fd);
}

/** `struct sockaddr_in`. @param address four bytes */
export function inetAddress(address: Uint8Array, port: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(AF_INET, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(address, 4);
  return bytes;
}

/** `struct sockaddr_in6`. @param address sixteen bytes */
export function inet6Address(address: Uint8Array, port: number): Buffer {
  const bytes = Buffer.alloc(28);
  bytes.writeUInt16LE(AF_INET6, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(address, 8);
  return bytes;
}

/** `struct sockaddr_un` of a name without a file, which belongs to the network namespace. */
export function abstractAddress(name: string): Buffer {
  return Buffer.concat([Buffer.from([AF_UNIX, 0, 0]), Buffer.from(name)]);
}

/** `struct sockaddr_un` of a file. */
export const unixAddress = (path: string): Buffer =>
  Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(`${path}\0`)]);

/** `struct sockaddr_nl` of ourselves: the kernel picks the port id. */
export function netlinkAddress(): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt16LE(AF_NETLINK, 0);
  return bytes;
}
