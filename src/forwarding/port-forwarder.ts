import { createServer, type Server, type Socket } from 'node:net';
import type { SshChannel } from '../../base/channel-relay.ts';
import type { Log } from '../../base/log.ts';
import { conflict, invalidArgument, messageOf } from '../../contracts/errors.ts';
import type { PublishedPort, PublishedPorts } from '../../contracts/guest.ts';
import { joinTo } from './docker-socket.ts';

export interface PortForwarderOptions {
  /** A TCP connection to an address of the guest. */
  openTcp: (host: string, port: number) => Promise<SshChannel>;
  /** Datagrams go through the machine's own network: its driver adds and removes a forward. Absent: UDP is refused. */
  udp?: { add(rule: UdpRule): Promise<void>; remove(rule: UdpRule): Promise<void> };
  log: Log;
}

export interface UdpRule {
  hostAddress: string;
  hostPort: number;
  guestPort: number;
}

/** An open forward, to be closed. */
type Door = () => Promise<void>;

/** Where a published port listens on the host: on loopback, unless the user named an address of the host. */
export function hostAddressOf(port: PublishedPort): string {
  return ['', '0.0.0.0', '::', 'localhost'].includes(port.hostIp) ? '127.0.0.1' : port.hostIp;
}

const label = (port: PublishedPort): string => `${hostAddressOf(port)}:${port.hostPort}/${port.protocol}`;

/**
 * Listeners on the host for the ports that containers publish, opened and closed as the guest asks. All ports of a
 * container open or none does; `replaceAll` brings the list in line with the guest's after a lost connection.
 */
export class PortForwarder {
  readonly #options: PortForwarderOptions;
  readonly #doors = new Map<string, Map<string, Door>>();

  constructor(options: PortForwarderOptions) {
    this.#options = options;
  }

  /** @throws conflict `Ports are not available: … address already in use` and then nothing of it is open. */
  async publish({ key, ports }: PublishedPorts): Promise<void> {
    const mine = this.#doors.get(key) ?? new Map<string, Door>();
    this.#doors.set(key, mine);
    try {
      for (const port of ports) if (!mine.has(label(port))) mine.set(label(port), await this.#open(port));
    } catch (error) {
      await this.withdraw(key);
      throw error;
    }
  }

  async withdraw(key: string): Promise<void> {
    const doors = this.#doors.get(key);
    this.#doors.delete(key);
    for (const close of doors?.values() ?? []) await close();
  }

  /** The guest's list is the truth. What cannot be opened is returned, not thrown: its container is running already. */
  async replaceAll(published: PublishedPorts[]): Promise<string[]> {
    const wanted = new Set(published.map(({ key }) => key));
    for (const key of [...this.#doors.keys()]) if (!wanted.has(key)) await this.withdraw(key);
    const problems: string[] = [];
    for (const each of published) await this.publish(each).catch(error => problems.push(messageOf(error)));
    return problems;
  }

  /** What is open now, as `127.0.0.1:8080/tcp`. */
  list(): string[] {
    return [...this.#doors.values()].flatMap(doors => [...doors.keys()]).toSorted();
  }

  close(): Promise<string[]> {
    return this.replaceAll([]);
  }

  #open(port: PublishedPort): Promise<Door> {
    if (port.protocol === 'tcp') return this.#openTcp(port);
    if (port.protocol === 'udp' && this.#options.udp) return this.#openUdp(port, this.#options.udp);
    throw invalidArgument(`Ports are not available: ${port.protocol} cannot be forwarded to this machine`);
  }

  async #openTcp(port: PublishedPort): Promise<Door> {
    const target = port.hostIp.startsWith('127.') ? port.hostIp : '127.0.0.1';
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      void joinTo(socket, () => this.#options.openTcp(target, port.hostPort), this.#options.log);
    });
    await listenOn(server, port);
    return async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise(resolve => server.close(resolve));
    };
  }

  async #openUdp(port: PublishedPort, udp: NonNullable<PortForwarderOptions['udp']>): Promise<Door> {
    const rule = { hostAddress: hostAddressOf(port), hostPort: port.hostPort, guestPort: port.hostPort };
    await udp.add(rule);
    return () => udp.remove(rule);
  }
}

/** Docker Desktop's words, for people search for them. */
function listenOn(server: Server, port: PublishedPort): Promise<void> {
  const address = hostAddressOf(port);
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why =
        cause.code === 'EADDRINUSE'
          ? 'address already in use on the host'
          : cause.code === 'EACCES'
            ? 'permission denied on the host'
            : cause.message;
      const text = `Ports are not available: exposing port ${port.protocol.toUpperCase()} ${address}:${port.hostPort}: ${why}`;
      reject(conflict(text, { cause }));
    });
    server.listen({ host: address, port: port.hostPort }, resolve);
  });
}
