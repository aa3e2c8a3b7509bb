import { mkdirSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { JsonPeer } from '../../base/json-peer.ts';
import { createLog } from '../../base/log.ts';
import type { BootLine, GuestCalls, HostCalls } from '../../contracts/guest.ts';
import { startSshServer } from '../../guest-agent/control/ssh-server.ts';
import type { BootPlan, MachineDriver, MachineExit, RunningMachine } from '../../src/machine/driver.ts';

/** How a fake guest misbehaves. */
export interface Faults {
  /** The last phase that it reaches. */
  stopsAfter?: 'kernel' | 'root' | 'data' | 'agent';
  /** It gives up with this message in place of the phase after `stopsAfter`. */
  fails?: string;
  /** It does not shut down when asked, or by its button. */
  deafTo?: ('call' | 'button')[];
  /** The driver itself refuses. */
  refuses?: string;
}

/**
 * A machine without a machine: its guest is a real SSH server in this process, with a real control connection and an
 * engine that only knows `/_ping`. What happens to it is written into `events`.
 */
export class FakeMachineDriver implements MachineDriver {
  readonly events: string[] = [];
  faults: Faults = {};
  running: RunningMachine | undefined;
  crash: (reason: string) => void = () => undefined;
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  probe(): Promise<{ description: string; accelerated: boolean }> {
    return Promise.resolve({ description: 'fake', accelerated: true });
  }

  find(): Promise<RunningMachine | undefined> {
    return Promise.resolve(this.running);
  }

  async start(plan: BootPlan): Promise<RunningMachine> {
    if (this.faults.refuses) throw new Error(this.faults.refuses);
    this.events.push('start');
    const exit = Promise.withResolvers<MachineExit>();
    const engine = createHttpServer((_, response) => response.end('OK'));
    const engineSocket = `${this.#folder}/engine.sock`;
    await new Promise<void>(resolve => engine.listen(engineSocket, resolve));
    const end = (reason: string, clean: boolean): void => {
      this.events.push(reason);
      this.running = undefined;
      engine.close();
      void ssh.close();
      exit.resolve({ clean, reason });
    };
    const shutdown = (way: 'call' | 'button'): void => {
      this.events.push(way);
      if (!this.faults.deafTo?.includes(way)) setTimeout(end, 10, 'off', true);
    };
    const ssh = await startSshServer({
      hostKey: plan.settings.hostKey,
      authorizedKeys: plan.settings.authorizedKeys,
      listen: { host: '127.0.0.1', port: 0 },
      targets: new Map<string, { socket: string } | { serve: (stream: Duplex) => void }>([
        ['/run/berth/docker.sock', { socket: engineSocket }],
        ['/run/berth/control.sock', { serve: stream => serveControl(stream, () => shutdown('call')) }],
      ]),
      log: createLog({ level: 'error' }),
    });
    this.crash = reason => end(reason, false);
    this.running = {
      description: 'fake',
      accelerated: true,
      exited: exit.promise,
      openStream: () => connectTo(ssh.port),
      bootLines: signal => this.#boot(signal),
      pressPowerButton: () => Promise.resolve(shutdown('button')),
      kill: () => Promise.resolve(this.running && end('killed', false)),
      lastWords: () => ['Kernel panic - not syncing'],
      udp: { add: () => Promise.resolve(), remove: () => Promise.resolve() },
    };
    return this.running;
  }

  async *#boot(signal: AbortSignal): AsyncGenerator<BootLine> {
    for (const phase of ['kernel', 'root', 'data', 'agent', 'ready'] as const) {
      yield { phase, t: 1 };
      if (phase !== this.faults.stopsAfter) continue;
      if (this.faults.fails) yield { phase: 'failed', t: 2, message: this.faults.fails };
      await new Promise(resolve => signal.addEventListener('abort', resolve));
    }
  }
}

function serveControl(stream: Duplex, shutdown: () => void): void {
  new JsonPeer<GuestCalls, HostCalls>(stream, {
    health: () => ({ version: 'fake', uptimeSeconds: 1, state: 'ready' }),
    clock: () => ({ unixMs: Date.now() }),
    adjustClock: () => ({}),
    ports: () => ({ published: [] }),
    shutdown: () => {
      shutdown();
      return {};
    },
  });
}

function connectTo(port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port }, () => resolve(socket));
    socket.once('error', reject);
  });
}
