import { mkdirSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { JsonPeer } from '../../base/json-peer.ts';
import { createLog } from '../../base/log.ts';
import {
  type BootLine,
  type BootPhase,
  bootPhases,
  type GuestCalls,
  type HostCalls,
  type WakeCall,
} from '../../contracts/guest.ts';
import { startSshServer } from '../../guest-agent/control/ssh-server.ts';
import type { BootPlan, MachineDriver, MachineExit, RunningMachine } from '../../src/machine/driver.ts';

/** How a fake guest misbehaves. */
export interface Faults {
  /** The last phase that it reaches. */
  stopsAfter?: BootPhase;
  /** It gives up with this message in place of the phase after `stopsAfter`. */
  fails?: string;
  /** Only the first boot does. */
  once?: boolean;
  /** It does not shut down when asked, or by its button. */
  deafTo?: ('call' | 'button')[];
  /** The driver itself refuses. */
  refuses?: string;
  /** What was kept ends when it is woken. */
  diesOnWaking?: boolean;
  /** Nothing can be kept. */
  cannotKeep?: string;
}

/**
 * A machine without a machine: its guest is a real SSH server in this process, with a real control connection and an
 * engine that only knows `/_ping`. What happens to it is written into `events`.
 */
export class FakeMachineDriver implements MachineDriver {
  readonly events: string[] = [];
  readonly calls: WakeCall[] = [];
  faults: Faults = {};
  running: RunningMachine | undefined;
  crash: (reason: string) => void = () => undefined;
  readonly #folder: string;
  #kept = false;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  probe(): Promise<{ description: string; accelerated: boolean }> {
    return Promise.resolve({ description: 'fake', accelerated: true });
  }

  find(): Promise<RunningMachine | undefined> {
    if (!this.running) return Promise.resolve(undefined);
    const { keep: _, ...found } = this.running; // only who has started it knows what it was started with
    return Promise.resolve(found);
  }

  async start(plan: BootPlan): Promise<RunningMachine> {
    if (this.faults.refuses) throw new Error(this.faults.refuses);
    if (plan.afresh) this.#kept = false;
    const resumed = this.#kept;
    this.events.push(resumed ? 'resume' : 'start');
    const woken = Promise.withResolvers<void>();
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
    const running: RunningMachine = {
      description: 'fake',
      accelerated: true,
      exited: exit.promise,
      resumed,
      ...(resumed ? {} : { keep: () => this.#keep() }),
      wake: call => {
        this.calls.push(call);
        if (resumed && this.faults.diesOnWaking) end('killed', false);
        else woken.resolve();
        return Promise.resolve();
      },
      openStream: () => connectTo(ssh.port),
      bootLines: signal => this.#boot(resumed ? 'awake' : 'kernel', woken.promise, signal),
      pressPowerButton: () => Promise.resolve(shutdown('button')),
      kill: () => Promise.resolve(this.running && end('killed', false)),
      lastWords: () => ['Kernel panic - not syncing'],
      udp: { add: () => Promise.resolve(), remove: () => Promise.resolve() },
    };
    this.running = running;
    return running;
  }

  async #keep(): Promise<void> {
    if (this.faults.cannotKeep) throw new Error(this.faults.cannotKeep);
    this.events.push('keep');
    this.#kept = true;
  }

  async *#boot(first: BootPhase, woken: Promise<void>, signal: AbortSignal): AsyncGenerator<BootLine> {
    const cancelled = new Promise(resolve => signal.addEventListener('abort', resolve));
    for (const phase of bootPhases.slice(bootPhases.indexOf(first))) {
      if (phase === 'awake') await Promise.race([woken, cancelled]);
      yield { phase, t: 1 };
      if (phase !== this.faults.stopsAfter) continue;
      const { fails, once } = this.faults;
      if (once) this.faults = {};
      if (fails) yield { phase: 'failed', t: 2, message: fails };
      await cancelled;
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
