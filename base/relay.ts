import type { Duplex } from 'node:stream';

/**
 * Joins two duplex streams. An end on one side half-closes the other, so that `docker attach` may stop sending
 * and still read; an error or a close on one side destroys the other. Both need `allowHalfOpen`.
 */
export function relay(left: Duplex, right: Duplex): void {
  left.pipe(right);
  right.pipe(left);
  const whenGone = (gone: Duplex, other: Duplex): void => {
    gone.on('error', () => other.destroy());
    gone.on('close', () => {
      if (!gone.readableEnded) other.destroy();
    });
  };
  whenGone(left, right);
  whenGone(right, left);
}
