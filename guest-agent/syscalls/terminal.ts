import { check, declare } from './libc.ts';

const TIOCSCTTY = 0x540e;
const TIOCSWINSZ = 0x5414;
const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;
const O_RDWR_NOCTTY_CLOEXEC = 0x80102;

const ioctlBuffer = declare<(fd: number, request: number, argument: Buffer) => number>(
  'int ioctl(int fd, unsigned long request, void *argument)',
);
const ioctlNumber = declare<(fd: number, request: number, argument: number) => number>(
  'int ioctl(int fd, unsigned long request, long argument)',
);

/** The other end of a terminal whose master is open, without a path in between. ioctl_tty(2). */
export function openTerminalPeer(master: number): number {
  check('ioctl', ioctlBuffer(master, TIOCSPTLCK, Buffer.alloc(4)), 'TIOCSPTLCK');
  return check('ioctl', ioctlNumber(master, TIOCGPTPEER, O_RDWR_NOCTTY_CLOEXEC), 'TIOCGPTPEER');
}

/** Makes `fd` the terminal of this session, whose leader the caller must be. */
export function takeControllingTerminal(fd: number): void {
  check('ioctl', ioctlNumber(fd, TIOCSCTTY, 0), 'TIOCSCTTY');
}

/** Sets a terminal's size, on either end. */
export function setTerminalSize(fd: number, rows: number, columns: number): void {
  const size = Buffer.alloc(8); // struct winsize
  size.writeUInt16LE(Math.min(rows, 0xffff), 0);
  size.writeUInt16LE(Math.min(columns, 0xffff), 2);
  check('ioctl', ioctlBuffer(fd, TIOCSWINSZ, size), 'TIOCSWINSZ');
}
