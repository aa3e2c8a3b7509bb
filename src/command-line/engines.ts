import { httpBytes } from '../../base/http-client.ts';
import type { EngineDocument } from '../../contracts/bridge.ts';
import { notFound } from '../../contracts/errors.ts';
import { forwardContext } from './context-socket.ts';
import { succeedWith } from './program-output.ts';

/** Time in which an engine answers, however far it is: `ssh` itself gives up after thirty seconds. */
const answerMs = 40_000;

/** The engines that a window can show: Berth's own, and those of Docker's contexts, wherever they are. */
export class Engines {
  readonly #own: string;
  readonly #ownHost: string;
  readonly #env: NodeJS.ProcessEnv;
  /** The engine that is shown; empty for Berth's own. */
  #chosen: { name: string; host: string; socket: string };
  readonly #sockets = new Map<string, string>();

  constructor(own: string, ownHost: string, env: NodeJS.ProcessEnv) {
    this.#own = own;
    this.#ownHost = ownHost;
    this.#env = env;
    this.#chosen = { name: '', host: ownHost, socket: own };
  }

  /** Where the engine that is shown answers. */
  get socket(): string {
    return this.#chosen.socket;
  }

  /** The context whose engine is shown; empty for Berth's own. */
  get name(): string {
    return this.#chosen.name;
  }

  /** True while another engine than Berth's own is shown. */
  get isForeign(): boolean {
    return this.#chosen.name !== '';
  }

  /** What a program of Docker's needs in its environment to speak with it. */
  get dockerHost(): string {
    return this.isForeign ? `unix://${this.socket}` : this.#ownHost;
  }

  /** Its address, as its context has it. */
  get host(): string {
    return this.#chosen.host;
  }

  async list(): Promise<EngineDocument[]> {
    const own = { name: '', host: this.#ownHost, description: '', chosen: !this.isForeign, problem: '' };
    const contexts = await readContexts(this.#env);
    return [own, ...contexts.map(each => ({ ...each, chosen: each.name === this.#chosen.name }))];
  }

  /** Shows another one from now on, once it has answered. @throws not-found, or why it does not answer */
  async choose(name: string): Promise<void> {
    if (name === '') {
      this.#chosen = { name, host: this.#ownHost, socket: this.#own };
      return;
    }
    const found = (await readContexts(this.#env)).find(each => each.name === name);
    if (!found) throw notFound(`There is no docker context ${name}`);
    const socket = this.#sockets.get(name) ?? (await forwardContext(name, this.#env));
    this.#sockets.set(name, socket);
    await httpBytes({ socketPath: socket }, 'GET', '/_ping', { timeoutMs: answerMs });
    this.#chosen = { name, host: found.host, socket };
  }
}

interface ContextLine {
  Name: string;
  Description: string;
  DockerEndpoint: string;
  Error: string;
}

/** Docker's contexts, as its command tells them; none without the command. */
async function readContexts(env: NodeJS.ProcessEnv): Promise<Omit<EngineDocument, 'chosen'>[]> {
  const text = await succeedWith('docker', ['context', 'ls', '--format', 'json'], env).catch(() => '');
  return text
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as ContextLine)
    .map(({ Name, Description, DockerEndpoint, Error: problem }) => ({
      name: Name,
      host: DockerEndpoint,
      description: Description,
      problem: problem ?? '',
    }));
}
