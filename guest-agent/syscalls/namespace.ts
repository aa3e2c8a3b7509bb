import { check, declare } from './libc.ts';

const rawSetns = declare<(fd: number, type: number) => number>('int setns(int fd, int type)');
const rawUnshare = declare<(flags: number) => number>('int unshare(int flags)');
const rawSethostname = declare<(name: string, length: number) => number>(
  'int sethostname(const char *name, size_t length)',
);
const rawSetdomainname = declare<(name: string, length: number) => number>(
  'int setdomainname(const char *name, size_t length)',
);

/** Joins the namespace behind `fd`, or those of `flags` of the process behind a pidfd. */
export function setns(fd: number, flags: number, subject: string | number = fd): void {
  check('setns', rawSetns(fd, flags), subject);
}

export function unshare(flags: number): void {
  check('unshare', rawUnshare(flags), flags);
}

export function setHostname(name: string): void {
  check('sethostname', rawSethostname(name, Buffer.byteLength(name)), name);
}

export function setDomainname(name: string): void {
  check('setdomainname', rawSetdomainname(name, Buffer.byteLength(name)), name);
}

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 0x80002;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP_RUNNING = 0x41;
const rawSocket = declare<(domain: number, type: number, protocol: number) => number>(
  'int socket(int domain, int type, int protocol)',
);
const rawIoctl = declare<(fd: number, request: number, argument: Buffer) => number>(
  'int ioctl(int fd, unsigned long request, void *argument)',
);
const closeFd = declare<(fd: number) => number>('int close(int fd)');

/** Brings `lo` up in the current network namespace, where it starts down. netdevice(7). */
export function bringLoopbackUp(): void {
  const socket = check('socket', rawSocket(AF_INET, SOCK_DGRAM_CLOEXEC, 0), 'lo');
  try {
    const request = Buffer.alloc(40); // struct ifreq
    request.write('lo', 0, 'latin1');
    request.writeInt16LE(IFF_UP_RUNNING, 16);
    check('ioctl', rawIoctl(socket, SIOCSIFFLAGS, request), 'lo');
  } finally {
    closeFd(socket);
  }
}
