import { check, declare, errno } from './libc.ts';

const EPOLL_CLOEXEC = 0x80000;
const EFD_CLOEXEC = 0x80000;
const EFD_NONBLOCK = 0x800;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 1;
const EINTR = 4;

/** `struct epoll_event` is packed on x86_64 alone: u32 events, u64 data. */
const EVENT_BYTES = process.arch === 'x64' ? 12 : 16;
const DATA_OFFSET = EVENT_BYTES - 8;

const epollCreate1 = declare<(flags: number) => number>('int epoll_create1(int flags)');
const epollCtl = declare<(epoll: number, operation: number, fd: number, event: Buffer) => number>(
  'int epoll_ctl(int epoll, int operation, int fd, void *event)',
);
const epollWait = declare<(epoll: number, events: Buffer, count: number, timeoutMs: number) => number>(
  'int epoll_wait(int epoll, void *events, int count, int timeoutMs)',
);
const eventfd = declare<(initial: number, flags: number) => number>('int eventfd(unsigned int initial, int flags)');

/** A new epoll(7) instance. */
export const newEpoll = (): number => check('epoll_create1', epollCreate1(EPOLL_CLOEXEC));

/** A descriptor to wake a waiting thread with: writing 8 bytes makes it readable, reading 8 bytes ends that. */
export const newEventFd = (): number => check('eventfd', eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));

/** Reports `key` (a 32-bit number) whenever `fd` can be read or has come to its end. */
export function watch(epoll: number, fd: number, key: number): void {
  const event = Buffer.alloc(EVENT_BYTES);
  event.writeUInt32LE(EPOLLIN, 0);
  event.writeUInt32LE(key, DATA_OFFSET);
  check('epoll_ctl', epollCtl(epoll, EPOLL_CTL_ADD, fd, event), fd);
}

/** Even a watch for nothing reports ends, again and again: to be left in peace, unwatch. */
export function unwatch(epoll: number, fd: number): void {
  check('epoll_ctl', epollCtl(epoll, EPOLL_CTL_DEL, fd, Buffer.alloc(EVENT_BYTES)), fd);
}

/** `readable` is false for one that has come to its end and holds nothing any more. */
export interface Readiness {
  key: number;
  readable: boolean;
}

/** Blocks this thread until something happens or the time is over (-1: for ever), and tells what. */
export function createWaiter(epoll: number, most = 64): (timeoutMs: number) => Readiness[] {
  const events = Buffer.alloc(EVENT_BYTES * most);
  return timeoutMs => {
    const count = epollWait(epoll, events, most, timeoutMs);
    if (count === -1 && errno() === EINTR) return [];
    check('epoll_wait', count);
    return Array.from({ length: count }, (_, index) => ({
      key: events.readUInt32LE(index * EVENT_BYTES + DATA_OFFSET),
      readable: (events.readUInt32LE(index * EVENT_BYTES) & EPOLLIN) !== 0,
    }));
  };
}
