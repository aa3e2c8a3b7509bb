import { connect, createServer, type Server, type Socket } from 'node:net';
import { relay } from '../../base/relay.ts';

/** Where a container serves. */
export interface RelayTarget {
  host: string;
  port: number;
}

/** Joins visitors of a port of the host to the container. */
export interface Relay {
  /** undefined: nobody serves at the moment */
  target: RelayTarget | undefined;
  close(): void;
}

/**
 * Accepts whom the kernel cannot translate, and joins him to the container: a visitor from ::1, whose address must not
 * leave the loopback, and one who comes by IPv6 to a container that has only IPv4. All others never get here.
 */
export class PortRelay implements Relay {
  target: RelayTarget | undefined;
  readonly #server: Server;
  readonly #visitors = new Set<Socket>();

  /** `fd` listens already, and is the relay's from now on. */
  constructor(fd: number) {
    this.#server = createServer({ allowHalfOpen: true }, visitor => this.#join(visitor));
    this.#server.on('error', () => undefined); // a visitor who was gone before he was accepted
    this.#server.listen({ fd });
    this.#server.unref();
  }

  /** The port is free when this returns. */
  close(): void {
    this.#server.close();
    for (const visitor of this.#visitors) visitor.destroy();
  }

  #join(visitor: Socket): void {
    if (!this.target) {
      visitor.destroy();
      return;
    }
    const container = connect({ ...this.target, allowHalfOpen: true });
    this.#visitors.add(visitor);
    visitor.once('close', () => this.#visitors.delete(visitor));
    relay(visitor, container);
  }
}
