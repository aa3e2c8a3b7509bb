import { chmodSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { relayChannel, type SshChannel } from '../../base/channel-relay.ts';
import type { Log } from '../../base/log.ts';
import { invalidArgument, messageOf } from '../../contracts/errors.ts';

/** sun_path holds 108 bytes on Linux and 104 on macOS, with the zero at the end (unix(7), unix(4)). */
const longestSocketPath = process.platform === 'darwin' ? 103 : 107;

/** @throws invalid-argument when the operating system cannot have a socket there. */
export function checkSocketPath(path: string): void {
  if (process.platform === 'win32' || Buffer.byteLength(path) <= longestSocketPath) return;
  throw invalidArgument(
    `${path} is too long for a socket (${longestSocketPath} bytes): set BERTH_HOME to a shorter folder`,
  );
}

/** A listening door on the host whose connections come out somewhere else. */
export interface ForwardedSocket {
  close(): Promise<void>;
}

/**
 * The engine's socket on the host, for this user only. Every connection becomes a channel of its own; half-close and
 * hijacked streams go through unchanged.
 */
export async function forwardSocket(path: string, open: () => Promise<SshChannel>, log: Log): Promise<ForwardedSocket> {
  checkSocketPath(path);
  if (process.platform !== 'win32') rmSync(path, { force: true }); // left behind by a host program that was killed
  const open_ = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, socket => {
    open_.add(socket);
    socket.once('close', () => open_.delete(socket));
    void joinTo(socket, open, log);
  });
  await listenPrivately(server, path);
  return {
    close: () => {
      for (const socket of open_) socket.destroy();
      return new Promise(resolve => server.close(() => resolve()));
    },
  };
}

/** Nobody else may connect between the bind and the chmod: the umask makes the socket 0600 from birth. */
async function listenPrivately(server: Server, path: string): Promise<void> {
  const before = process.platform === 'win32' ? undefined : process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
  } finally {
    if (before !== undefined) process.umask(before);
  }
  if (process.platform !== 'win32') chmodSync(path, 0o600);
}

/** Gives an accepted connection its channel; until it is there the socket waits, unread. */
export async function joinTo(socket: Socket, open: () => Promise<SshChannel>, log: Log): Promise<void> {
  socket.on('error', () => undefined);
  try {
    const channel = await open();
    if (socket.destroyed) channel.close();
    else relayChannel(channel, socket);
  } catch (error) {
    log.warn('a connection could not be forwarded', { reason: messageOf(error) });
    socket.destroy();
  }
}

/** True when something answers a connection there. */
export function socketAnswers(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
