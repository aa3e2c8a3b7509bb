import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';
import { check, declare } from './libc.ts';

/** linux/random.h: _IOW('R', 0x03, int[2]) and _IO('R', 0x07) */
const RNDADDENTROPY = 0x40085203;
const RNDRESEEDCRNG = 0x5207;

const ioctl = declare<(fd: number, request: number, argument: Buffer | null) => number>(
  'int ioctl(int fd, unsigned long request, void *argument)',
);

/**
 * Makes what is random new in a machine whose memory is a copy: `secret` enters the kernel's pool, its generator is
 * seeded from there at once (random(4)), and OpenSSL's of this process from the kernel (RAND_poll(3ssl)), those of all
 * its threads with it. Needs CAP_SYS_ADMIN.
 */
export function reseed(secret: Buffer): void {
  const info = Buffer.alloc(8 + secret.length); // struct rand_pool_info
  info.writeInt32LE(secret.length * 8, 0);
  info.writeInt32LE(secret.length, 4);
  secret.copy(info, 8);
  const device = openSync('/dev/urandom', 'r');
  try {
    check('ioctl', ioctl(device, RNDADDENTROPY, info), 'RNDADDENTROPY');
    check('ioctl', ioctl(device, RNDRESEEDCRNG, null), 'RNDRESEEDCRNG');
  } finally {
    closeSync(device);
  }
  const poll = koffi.load(null).func('int RAND_poll()') as unknown as () => number;
  if (poll() !== 1) throw new Error('OpenSSL has no new seed');
}
