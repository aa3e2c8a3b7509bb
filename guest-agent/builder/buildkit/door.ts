import type { IncomingHttpHeaders } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Builder } from '../builder.ts';
import { Control } from './control.ts';
import { serveGrpc } from './server.ts';
import { Session, Sessions } from './session.ts';

const doors = new WeakMap<Builder, BuildKitDoor>();

/** BuildKit's two doors: `/grpc`, where the client calls us, and `/session`, where we call the client. */
export class BuildKitDoor {
  readonly #sessions = new Sessions();
  readonly #control: Control;
  readonly #builder: Builder;

  private constructor(builder: Builder) {
    this.#builder = builder;
    this.#control = new Control(builder, this.#sessions);
  }

  static of(builder: Builder): BuildKitDoor {
    const door = doors.get(builder) ?? new BuildKitDoor(builder);
    doors.set(builder, door);
    return door;
  }

  serve(socket: Duplex): void {
    serveGrpc(socket, this.#control.handler, this.#builder.options.log);
  }

  /** The client turns the connection around: it serves from now on. */
  accept(headers: IncomingHttpHeaders, socket: Duplex): void {
    socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
    const [id, sharedKey] = ['uuid', 'sharedkey'].map(name => String(headers[`x-docker-expose-session-${name}`] ?? ''));
    this.#sessions.add(new Session(id ?? '', sharedKey ?? '', socket));
  }
}
