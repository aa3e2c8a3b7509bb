import { chmodSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { JsonPeer } from '../../base/json-peer.ts';
import type { MachineState } from '../machine/index.ts';
import type { Home } from '../settings/index.ts';

/** What a running `berth up` tells about itself. */
export interface HostStatus {
  pid: number;
  mode: 'machine' | 'native';
  state: MachineState;
  /** `127.0.0.1:8080/tcp` … */
  ports: string[];
}

/** What other berth programs of this user may ask of it. */
interface HostControlCalls {
  status: { request: Record<string, never>; reply: HostStatus };
  /** Answers at once; the end of the connection means that it is done. */
  stop: { request: Record<string, never>; reply: Record<string, never> };
}

export type HostPeer = JsonPeer<Record<never, never>, HostControlCalls>;

const socketOf = (home: Home): string =>
  process.platform === 'win32' ? `${home.dockerSocket}_control` : join(home.machine, 'host.sock');

/** Opens the door of this `berth up` to `berth status` and `berth down`. The caller has the machine's lock. */
export async function serveHostControl(
  home: Home,
  serve: { status: () => HostStatus; stop: () => void },
): Promise<{ close(): void }> {
  const path = socketOf(home);
  if (process.platform !== 'win32') rmSync(path, { force: true });
  const peers = new Set<JsonPeer<HostControlCalls, Record<never, never>>>();
  const server = createServer(socket => {
    const peer = new JsonPeer<HostControlCalls, Record<never, never>>(socket, {
      status: () => serve.status(),
      stop: () => {
        serve.stop();
        return {};
      },
    });
    peers.add(peer);
    void peer.closed.then(() => peers.delete(peer));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  if (process.platform !== 'win32') chmodSync(path, 0o600);
  return {
    close: () => {
      server.close();
      for (const peer of peers) peer.close();
    },
  };
}

/** The `berth up` of this home, or undefined when none runs. */
export async function findHost(home: Home): Promise<HostPeer | undefined> {
  const socket = connect(socketOf(home));
  const connected = await new Promise<boolean>(resolve => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  return connected ? new JsonPeer<Record<never, never>, HostControlCalls>(socket, {}) : undefined;
}
