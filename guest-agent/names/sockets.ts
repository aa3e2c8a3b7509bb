import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import { inNetworkNamespace } from '../syscalls/network-namespace.ts';
import { Nftables } from '../syscalls/nftables.ts';
import { AF_INET, bindSocket, inetAddress, openSocket, SOCK_DGRAM, SOCK_STREAM } from '../syscalls/socket.ts';

/** Where containers ask, as Docker's do: an address of their own loopback. */
export const serviceAddress = '127.0.0.11';
const addressBytes = Buffer.from([127, 0, 0, 11]);
const domainPort = 53;

export interface ServiceSockets {
  datagrams: Socket;
  connections: Server;
}

/**
 * Listens inside a network namespace. Port 53 itself is left to the container, which may serve names to others: the
 * kernel brings what is sent to 127.0.0.11:53 to a port that nobody knows. Whoever may change rules in the container can
 * take these away, and only from itself. @throws SyscallError, NftError
 */
export function openServiceSockets(namespace: number): ServiceSockets {
  return inNetworkNamespace(namespace, () => {
    const datagrams = createSocket('udp4').bind({ fd: boundSocket(SOCK_DGRAM) });
    const connections = createServer({ allowHalfOpen: true });
    try {
      connections.listen({ fd: boundSocket(SOCK_STREAM) });
      divert({ udp: datagrams.address().port, tcp: portOf(connections) });
      return { datagrams, connections };
    } catch (error) {
      datagrams.close();
      connections.close();
      throw error;
    }
  });
}

function boundSocket(type: number): number {
  const fd = openSocket(AF_INET, type);
  bindSocket(fd, inetAddress(addressBytes, 0), serviceAddress);
  return fd;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a socket without a port');
  return address.port;
}

/** In the namespace that the thread is in; in the place of what an earlier engine said. */
function divert(ports: { udp: number; tcp: number }): void {
  const nft = new Nftables();
  const table = 'ip berth_names';
  const rules = Object.entries(ports).map(
    ([protocol, port]) =>
      `add rule ${table} output ip daddr ${serviceAddress} ${protocol} dport ${domainPort} dnat to ${serviceAddress}:${port}`,
  );
  const lines = [
    `add table ${table}`,
    `add chain ${table} output { type nat hook output priority -100; policy accept; }`,
    `flush chain ${table} output`, // deleting a table, even one that is empty, would wait ten milliseconds for the kernel
    ...rules,
  ];
  try {
    nft.run(lines.join('\n'));
  } finally {
    nft.close();
  }
}
