import { Agent } from 'node:http';
import { type HttpTarget, httpBytes } from '../../base/http-client.ts';
import type { EngineDocument } from '../../contracts/bridge.ts';
import { forwardEngine } from '../contexts/index.ts';
import { listDockerContexts, readDockerContext } from '../integration/index.ts';

/** Time in which an engine answers, however far it is: `ssh` itself gives up after thirty seconds. */
const answerMs = 40_000;
/** A connection to an engine elsewhere is kept for the next request for so long, in milliseconds. */
const idleMs = 30_000;
/** So many are kept. */
const mostIdle = 4;

interface ShownEngine {
  /** Its context's; empty for Berth's own. */
  name: string;
  host: string;
  target: HttpTarget;
}

/** The engines that a window can show: Berth's own, and those of Docker's contexts, wherever they are. */
export class Engines {
  readonly #own: ShownEngine;
  readonly #env: NodeJS.ProcessEnv;
  #shown: ShownEngine;
  /** By where they are: a context may be pointed elsewhere. */
  readonly #targets = new Map<string, HttpTarget>();

  constructor(own: string, ownHost: string, env: NodeJS.ProcessEnv) {
    this.#own = { name: '', host: ownHost, target: { socketPath: own } };
    this.#env = env;
    this.#shown = this.#own;
  }

  /** Where the engine that is shown answers. */
  get target(): HttpTarget {
    return this.#shown.target;
  }

  /** The context whose engine is shown; empty for Berth's own. */
  get name(): string {
    return this.#shown.name;
  }

  /** True while another engine than Berth's own is shown. */
  get isForeign(): boolean {
    return this.#shown !== this.#own;
  }

  /** What a program of Docker's needs in its environment to speak with it. */
  get dockerHost(): string {
    if (!this.isForeign) return this.#own.host;
    const { socketPath } = this.target;
    return socketPath.startsWith('\\') ? `npipe://${socketPath.replaceAll('\\', '/')}` : `unix://${socketPath}`;
  }

  /** Its address, as its context has it. */
  get host(): string {
    return this.#shown.host;
  }

  async list(): Promise<EngineDocument[]> {
    const own = { name: '', host: this.#own.host, description: '', chosen: !this.isForeign, problem: '' };
    const contexts = await listDockerContexts(this.#env);
    return [own, ...contexts.map(each => ({ ...each, chosen: each.name === this.name }))];
  }

  /** Shows another one from now on, once it has answered. @throws EngineError that says why it does not */
  async choose(name: string): Promise<void> {
    if (name === '') {
      this.#shown = this.#own;
      return;
    }
    const endpoint = await readDockerContext(name, this.#env);
    const where = JSON.stringify(endpoint);
    const target = this.#targets.get(where) ?? {
      socketPath: await forwardEngine(endpoint, this.#env),
      agent: new Agent({ keepAlive: true, timeout: idleMs, maxFreeSockets: mostIdle }),
    };
    this.#targets.set(where, target);
    await httpBytes(target, 'GET', '/_ping', { timeoutMs: answerMs });
    this.#shown = { name, host: endpoint.host, target };
  }
}
