import type { Duplex } from 'node:stream';

/** An SSH channel of `ssh2`: a duplex whose end of sending and whose closing are two different things. */
export interface SshChannel extends Duplex {
  /** Sends CHANNEL_EOF (RFC 4254 §5.3): no more data from here, the other direction goes on. */
  eof(): void;
  /** Sends CHANNEL_CLOSE: both directions are over. */
  close(): void;
}

const nothing = Buffer.alloc(0);

/**
 * Joins a channel and a socket (with `allowHalfOpen`) so that a half-close on one side arrives as one on the other.
 * Not `channel.end()`: on a server's channel ssh2 sends CLOSE straight after EOF, and what the client still had to say is
 * lost. The channel is closed when both directions have ended, or at once when the socket fails.
 */
export function relayChannel(channel: SshChannel, socket: Duplex): void {
  let sent = false;
  let received = false;
  let gone = false;
  const closeWhenDone = (): void => {
    if (sent && received && !gone) channel.close();
  };
  channel.on('end', () => {
    received = true;
    closeWhenDone();
  });
  channel.pipe(socket);
  socket.pipe(channel, { end: false });
  socket.on('end', () => {
    // The callback of an empty write comes after everything before it has left through the window.
    channel.write(nothing, () => {
      sent = true;
      channel.eof();
      closeWhenDone();
    });
  });
  channel.on('error', () => undefined);
  channel.on('close', () => {
    gone = true;
    if (!received || !sent) socket.destroy();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    if (!gone && !(sent && received)) channel.close();
  });
}
