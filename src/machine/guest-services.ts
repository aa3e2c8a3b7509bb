import { httpBytes } from '../../base/http-client.ts';
import type { Log } from '../../base/log.ts';
import { messageOf } from '../../contracts/errors.ts';
import {
  type ForwardedSocket,
  forwardSocket,
  GuestConnection,
  type GuestPeer,
  openGuestControl,
  PortForwarder,
  synchroniseClock,
  watchForSleep,
} from '../forwarding/index.ts';
import type { RunningMachine } from './driver.ts';
import type { MachineKeys } from './keys.ts';

/** Where the agent's doors are in the guest: names on the channel. */
const guestEngineSocket = '/run/berth/docker.sock';
const guestControlSocket = '/run/berth/control.sock';

export interface GuestServicesOptions {
  machine: RunningMachine;
  keys: MachineKeys;
  dockerSocket: string;
  log: Log;
}

/** How often the guest's clock is compared when nothing suggests that it is off. */
const clockEveryMs = 60_000;

/**
 * Everything the host does for a running guest: the session and its renewal, the engine's socket, published ports, and the
 * clock (at every connection, every minute, and when this computer wakes up).
 */
export class GuestServices {
  readonly ports: PortForwarder;
  readonly #options: GuestServicesOptions;
  readonly #connection: GuestConnection;
  readonly #ends: (() => void)[] = [];
  #peer: GuestPeer | undefined;
  #socket: ForwardedSocket | undefined;

  constructor(options: GuestServicesOptions) {
    this.#options = options;
    const { machine, keys, log } = options;
    this.#connection = new GuestConnection({
      openStream: () => machine.openStream(),
      hostPublicKey: keys.host.public,
      privateKey: keys.user.private,
      onSession: async session => {
        this.#peer = await openGuestControl(session, guestControlSocket, this.ports, log);
        await this.#setClock(this.#peer);
      },
      log,
    });
    this.ports = new PortForwarder({
      openTcp: (host, port) => this.#connection.openTcp(host, port),
      udp: machine.udp,
      log,
    });
    this.#ends.push(watchForSleep(slept => this.#awake(slept)));
    const timer = setInterval(() => void this.#checkClock(), clockEveryMs).unref();
    this.#ends.push(() => clearInterval(timer));
  }

  /** Waits for the first session and opens the engine's socket. */
  async connect(timeoutMs: number): Promise<void> {
    await this.#connection.session(timeoutMs);
    const open = () => this.#connection.openSocket(guestEngineSocket);
    this.#socket ??= await forwardSocket(this.#options.dockerSocket, open, this.#options.log);
  }

  /** Waits until the engine answers on the host's socket. */
  async ping(timeoutMs: number): Promise<void> {
    await httpBytes({ socketPath: this.#options.dockerSocket }, 'GET', '/_ping', { timeoutMs });
  }

  /** Asks the guest to stop its containers and power off; false when it cannot be asked. */
  async requestShutdown(graceSeconds: number): Promise<boolean> {
    try {
      if (!this.#peer?.open) return false;
      await this.#peer.call('shutdown', { graceSeconds }, 3000);
      return true;
    } catch (error) {
      this.#options.log.warn('the guest cannot be asked to shut down', { reason: messageOf(error) });
      return false;
    }
  }

  async close(): Promise<void> {
    for (const end of this.#ends.splice(0)) end();
    this.#connection.close();
    await this.#socket?.close();
    await this.ports.close();
  }

  #awake(sleptMs: number): void {
    this.#options.log.info('the clock jumped: this computer slept, or its clock was set', { ms: sleptMs });
    void this.#checkClock();
  }

  async #checkClock(): Promise<void> {
    if (this.#peer?.open) await this.#setClock(this.#peer);
  }

  async #setClock(peer: GuestPeer): Promise<void> {
    try {
      const offMs = await synchroniseClock(peer);
      this.#options.log.debug('compared clocks', { offMs });
    } catch (error) {
      this.#options.log.warn("the guest's clock cannot be set", { reason: messageOf(error) });
    }
  }
}
