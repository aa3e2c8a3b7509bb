import { spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog, type Log } from '../../../base/log.ts';
import type { ContainerId } from '../../../contracts/brand.ts';
import {
  addAddress,
  addPair,
  changeLink,
  findLink,
  RouteConnection,
  setRoute,
} from '../../../guest-agent/netlink/index.ts';
import type { ConnectRequest, NetworksOptions } from '../../../guest-agent/networks/index.ts';
import { check, declare } from '../../../guest-agent/syscalls/libc.ts';
import { createNetworkNamespace, inNetworkNamespace } from '../../../guest-agent/syscalls/network-namespace.ts';
import { AF_INET, bindSocket, inetAddress, openSocket, SOCK_DGRAM } from '../../../guest-agent/syscalls/socket.ts';

const CLONE_NEWNET = 0x40000000;
const CLONE_NEWNS = 0x20000;
export const hostAddress = '192.0.2.2';
export const neighbourAddress = '192.0.2.1';

/**
 * Moves this test process, once and for good, into a network (and mounts) of its own, so that the machine's links and
 * rules are never touched. Like a real host it has a neighbour, and its default route leads there.
 */
export function enterOwnNetwork(): { neighbour: number; hostAddress: string; neighbourAddress: string } {
  const unshare = declare<(flags: number) => number>('int unshare(int flags)');
  check('unshare', unshare(CLONE_NEWNET | CLONE_NEWNS), 'own network');
  const host = new RouteConnection();
  host.request(changeLink(1, { up: true }));
  return { neighbour: addNeighbour(host), hostAddress, neighbourAddress };
}

/** Somebody else on the network of this thread's host, to whom its default route leads. Returns its namespace. */
export function addNeighbour(host: RouteConnection): number {
  let inside: RouteConnection | undefined;
  const neighbour = createNetworkNamespace(() => {
    inside = new RouteConnection();
  });
  if (!inside) throw new Error('no neighbour');
  host.request(addPair({ name: 'out0', mtu: 1400, peer: { name: 'eth0', namespace: neighbour } }));
  const outside = findLink(host, 'out0')?.index ?? 0;
  const index = findLink(inside, 'eth0')?.index ?? 0;
  inside.request(
    changeLink(1, { up: true }),
    changeLink(index, { up: true }),
    addAddress({ index, address: neighbourAddress, prefixLength: 24 }),
    // A neighbour who knows the way to the containers, as an attacker on the same network would.
    setRoute({ destination: '172.16.0.0', prefixLength: 12, gateway: hostAddress, index }),
  );
  host.request(
    changeLink(outside, { up: true }),
    addAddress({ index: outside, address: hostAddress, prefixLength: 24 }),
    setRoute({ destination: '0.0.0.0', prefixLength: 0, gateway: neighbourAddress, index: outside }),
  );
  return neighbour;
}

/** A server that tells each visitor `name` and the visitor's address. Closed by the caller. */
export function serve(namespace: number | undefined, port: number, name: string, host?: string): Server {
  const open = (): Server =>
    createServer(socket => {
      socket.on('error', () => undefined);
      socket.end(`${name} ${socket.remoteAddress?.replace('::ffff:', '')}\n`);
    }).listen({ port, ...(host && { host }) }); // without a host the socket is made before listen returns
  return namespace === undefined ? open() : inNetworkNamespace(namespace, open);
}

/** A UDP socket that lives in a namespace; port 0: any. Closed by the caller. */
export function datagramSocket(namespace: number, port: number): Socket {
  const fd = inNetworkNamespace(namespace, () => openSocket(AF_INET, SOCK_DGRAM));
  bindSocket(fd, inetAddress(Buffer.alloc(4), port));
  return createSocket('udp4').bind({ fd });
}

/** Sends every datagram back. Closed by the caller. */
export function echo(namespace: number, port: number): Socket {
  const socket = datagramSocket(namespace, port);
  return socket.on('message', (message, from) => socket.send(message, from.port, from.address));
}

/** What a server says to a visitor from `namespace` (undefined: this host); empty when there is no way. */
export function visit(
  namespace: number | undefined,
  address: string,
  port: number,
  patienceSeconds = 5,
): Promise<string> {
  return run(namespace, 'busybox', ['nc', '-w', String(patienceSeconds), address, String(port)]);
}

/** A command's output, from inside a namespace; failure is no error. */
export function run(namespace: number | undefined, command: string, args: string[]): Promise<string> {
  const start = () => spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'], timeout: 8000 });
  const child = namespace === undefined ? start() : inNetworkNamespace(namespace, start);
  return new Promise(resolve => {
    let output = '';
    child.stdin.on('error', () => undefined);
    child.stdout.on('data', data => {
      output += data;
    });
    child.once('close', () => resolve(output.trim()));
  });
}

export const quiet: Log = createLog({ level: 'error' });

let count = 0;

export function newOptions(bridge: string): NetworksOptions & { folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'berth-networks-'));
  return {
    folder,
    root: join(folder, 'networks'),
    execRoot: join(folder, 'exec'),
    bridge: { name: bridge },
    log: quiet,
  };
}

/** A request with an id and a folder of its own. */
export function newRequest(folder: string, more: Partial<ConnectRequest> = {}): ConnectRequest {
  const id = (++count).toString(16).padStart(64, '0') as ContainerId;
  const directory = join(folder, id);
  mkdirSync(directory);
  return { id, name: `c${count}`, mode: 'bridge', hostname: `host${count}`, directory, ...more };
}
