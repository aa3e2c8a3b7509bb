import type { JsonPeer } from '../../base/json-peer.ts';
import type { Log } from '../../base/log.ts';
import {
  type GuestCalls,
  type HostCalls,
  type PublishedPort,
  type PublishedPorts,
  publishTimeoutMs,
} from '../../contracts/guest.ts';

/** The host program as the guest sees it. */
export type HostPeer = JsonPeer<GuestCalls, HostCalls>;

/**
 * The ports that containers publish, told to the host. While no host is connected (its program was restarted, or the
 * machine has just booted and starts containers by their restart policy) a port is taken on trust: the host asks for the
 * whole list as soon as it comes.
 */
export class PublishedPortList {
  readonly #ports = new Map<string, PublishedPort[]>();
  readonly #host: () => HostPeer | undefined;
  readonly #log: Log;

  constructor(host: () => HostPeer | undefined, log: Log) {
    this.#host = host;
    this.#log = log;
  }

  /** @throws what the host answered (a port is taken), or `unavailable` when it does not answer in time. */
  async publish(id: string, ports: PublishedPort[]): Promise<void> {
    const wanted = ports.map(({ protocol, hostIp, hostPort }) => ({ protocol, hostIp, hostPort }));
    this.#ports.set(id, wanted);
    try {
      await this.#host()?.call('publish', { key: id, ports: wanted }, publishTimeoutMs);
    } catch (error) {
      await this.withdraw(id);
      throw error;
    }
  }

  async withdraw(id: string): Promise<void> {
    if (!this.#ports.delete(id)) return;
    await this.#host()
      ?.call('withdraw', { key: id }, publishTimeoutMs)
      .catch(error => this.#log.warn('the host did not close a port', { id, error }));
  }

  list(): PublishedPorts[] {
    return [...this.#ports].map(([key, ports]) => ({ key, ports }));
  }
}
