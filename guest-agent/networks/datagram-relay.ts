import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { Relay, RelayTarget } from './port-relay.ts';

/** How long a sender is remembered who says nothing and hears nothing, as in dockerd's proxy. */
const patienceMs = 90_000;
/** Senders cost descriptors, and can be made up: the one that was silent longest makes room. */
const mostSenders = 256;

interface Sender {
  /** by it the container's answers find him */
  socket: Socket;
  forget: NodeJS.Timeout;
}

/** Hands datagrams of whom the kernel cannot translate to the container, and its answers back (see `PortRelay`). */
export class DatagramRelay implements Relay {
  readonly #socket: Socket;
  readonly #senders = new Map<string, Sender>();
  #target: RelayTarget | undefined;

  /** `fd` is bound already, and is the relay's from now on. */
  constructor(fd: number) {
    this.#socket = createSocket('udp6', (message, from) => this.#handOver(message, from));
    this.#socket.on('error', () => undefined); // a sender who hears no more
    this.#socket.bind({ fd });
    this.#socket.unref();
  }

  set target(target: RelayTarget | undefined) {
    for (const key of [...this.#senders.keys()]) this.#forget(key);
    this.#target = target;
  }

  /** The port is free when this returns. */
  close(): void {
    this.target = undefined;
    this.#socket.close();
  }

  #handOver(message: Buffer, from: RemoteInfo): void {
    if (!this.#target) return;
    const key = `${from.address} ${from.port}`;
    const sender = this.#senders.get(key) ?? this.#welcome(from, this.#target);
    this.#senders.delete(key);
    this.#senders.set(key, sender); // the last is the youngest
    sender.forget.refresh();
    sender.socket.send(message, this.#target.port, this.#target.host, () => undefined);
  }

  #welcome(from: RemoteInfo, { host, port }: RelayTarget): Sender {
    const [eldest] = this.#senders.keys();
    if (eldest !== undefined && this.#senders.size >= mostSenders) this.#forget(eldest);
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    const forget = setTimeout(() => this.#forget(`${from.address} ${from.port}`), patienceMs).unref();
    socket.on('error', () => undefined); // nobody serves
    socket.on('message', (answer, { address, port: source }) => {
      if (address !== host || source !== port) return;
      forget.refresh();
      this.#socket.send(answer, from.port, from.address, () => undefined);
    });
    return { socket: socket.unref(), forget };
  }

  #forget(key: string): void {
    const sender = this.#senders.get(key);
    if (!sender) return;
    this.#senders.delete(key);
    clearTimeout(sender.forget);
    sender.socket.close();
  }
}
