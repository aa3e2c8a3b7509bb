import type { Duplex } from 'node:stream';
import type { SshChannel } from '../../base/channel-relay.ts';
import type { Log } from '../../base/log.ts';
import { messageOf, unavailable } from '../../contracts/errors.ts';
import { openSshSession, type SshSession } from './ssh-session.ts';

export interface GuestConnectionOptions {
  /** A new byte stream to the guest's SSH server, over whatever the platform gives. */
  openStream: () => Promise<Duplex>;
  hostPublicKey: string;
  privateKey: string;
  /** Called after every login, before anybody else gets a channel. */
  onSession?: (session: SshSession) => void | Promise<void>;
  log: Log;
}

const firstDelayMs = 100;
const longestDelayMs = 3000;

/**
 * The one SSH session to the machine, made again with a growing pause whenever it breaks (the agent was restarted, the
 * host slept). Who asks for a channel meanwhile waits.
 */
export class GuestConnection {
  readonly #options: GuestConnectionOptions;
  readonly #stop = new AbortController();
  #session = Promise.withResolvers<SshSession>();
  #current: SshSession | undefined;

  constructor(options: GuestConnectionOptions) {
    this.#options = options;
    this.#session.promise.catch(() => undefined);
    void this.#stayConnected();
  }

  get connected(): boolean {
    return this.#current !== undefined;
  }

  /** The session, waited for at most `timeoutMs`. @throws unavailable */
  async session(timeoutMs = 10_000): Promise<SshSession> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(unavailable('The machine does not answer')), timeoutMs);
    });
    return Promise.race([this.#session.promise, late]).finally(() => clearTimeout(timer));
  }

  /** {@link SshSession.openSocket} on the session of the moment. */
  async openSocket(path: string): Promise<SshChannel> {
    return (await this.session()).openSocket(path);
  }

  async openTcp(host: string, port: number): Promise<SshChannel> {
    return (await this.session()).openTcp(host, port);
  }

  close(): void {
    this.#stop.abort();
    this.#session.reject(unavailable('The machine is stopping'));
    this.#current?.close();
  }

  async #stayConnected(): Promise<void> {
    let delayMs = firstDelayMs;
    while (!this.#stop.signal.aborted) {
      try {
        const session = await this.#connect();
        delayMs = firstDelayMs;
        const reason = await session.closed;
        this.#current = undefined;
        if (this.#stop.signal.aborted) return;
        this.#options.log.info('the connection to the machine is lost', { reason: reason?.message });
        this.#session = Promise.withResolvers();
        this.#session.promise.catch(() => undefined);
      } catch (error) {
        this.#options.log.debug('no connection to the machine yet', { reason: messageOf(error) });
      }
      await pause(delayMs, this.#stop.signal);
      delayMs = Math.min(delayMs * 2, longestDelayMs);
    }
  }

  async #connect(): Promise<SshSession> {
    const { openStream, hostPublicKey, privateKey, onSession } = this.#options;
    const session = await openSshSession({ stream: await openStream(), hostPublicKey, privateKey });
    try {
      await onSession?.(session);
    } catch (error) {
      session.close();
      throw error;
    }
    if (this.#stop.signal.aborted) session.close();
    this.#current = session;
    this.#session.resolve(session);
    return session;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
