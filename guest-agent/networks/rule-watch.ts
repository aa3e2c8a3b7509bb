import { legacyTables } from '../firewall/index.ts';
import { findLink, ruleGeneration } from '../netlink/index.ts';
import type { BridgeNetwork } from './bridge-network.ts';
import type { Ground } from './driver-network.ts';

const intervalMs = 2000;

/**
 * Others change rules as well: they flush ours, or an engine beside us begins to drop what is forwarded. A number of the
 * kernel tells that something has changed, for the price of one message; only then are the rules looked at.
 */
export class RuleWatch {
  readonly #ground: Ground;
  readonly #bridges: () => readonly BridgeNetwork[];
  readonly #timer: NodeJS.Timeout;
  #seen = '';

  constructor(ground: Ground, bridges: () => readonly BridgeNetwork[]) {
    this.#ground = ground;
    this.#bridges = bridges;
    this.#timer = setInterval(() => this.look(), intervalMs);
    this.#timer.unref();
  }

  /** Makes right what is not. Never throws. */
  look(): void {
    try {
      if (this.#state() === this.#seen) return;
      this.#putRight();
      this.#seen = this.#state();
    } catch (error) {
      this.#ground.log.warn('the rules of others could not be looked at', { error });
    }
  }

  #state = (): string => `${ruleGeneration(this.#ground.tracking)} ${legacyTables()}`;

  close(): void {
    clearInterval(this.#timer);
  }

  #putRight(): void {
    const { firewall, host, log } = this.#ground;
    const ours = this.#bridges().map(({ bridge }) => bridge);
    const missing = firewall.missing(ours);
    for (const network of this.#bridges().filter(({ bridge }) => missing.includes(bridge))) {
      log.warn('somebody has taken away the rules of a bridge, and they are made anew', { bridge: network.bridge });
      network.repair();
    }
    firewall.admit(ours, bridge => findLink(host, bridge) === undefined);
  }
}
