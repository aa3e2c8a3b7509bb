import { settledWithin } from '../../base/clock.ts';
import { Mailbox } from '../../base/mailbox.ts';
import type { ContainerId } from '../../contracts/brand.ts';
import type { ContainerWaitResponse, HealthDocument } from '../../contracts/docker/containers.ts';
import {
  conflict,
  EngineError,
  internal,
  invalidArgument,
  messageOf,
  notModified,
  unavailable,
} from '../../contracts/errors.ts';
import type { ExitStatus } from '../runtime/index.ts';
import { commandOf } from './config.ts';
import { ContainerHealth } from './container-health.ts';
import type { ContainerRecord } from './container-record.ts';
import {
  assertStartable,
  type ContainerState,
  ended,
  isAlive,
  lastExitCode,
  paused,
  type Status,
  started,
  startFailed,
  unpaused,
} from './container-state.ts';
import type { EngineContext } from './context.ts';
import type { WaitCondition } from './engine.ts';
import type { Probe } from './health-monitor.ts';
import { healthPlanOf, startedHealth } from './health-state.ts';
import { type Live, launch, release } from './launch.ts';
import { exitCodeOf, launchFailure } from './launch-error.ts';
import { removeResources } from './remove.ts';
import { hasRestartPolicy, Restarts } from './restarts.ts';
import { emitHoldings } from './run-events.ts';
import { parseSignal } from './signals.ts';
import { Streams } from './streams.ts';
import { Waiters } from './waiters.ts';

/** A grandchild may hold the output open for ever: after this, the exit is told without waiting for its end. */
const outputGraceMs = 2000;
const defaultStopSeconds = 10;
const SIGKILL = 9;

/**
 * A container's way from its creation to its removal, and the only writer of its record. What changes it goes through
 * the mailbox; `stop`, `kill` and `wait` watch from outside, so that a stubborn process blocks nobody.
 */
export abstract class ContainerLife {
  readonly id: ContainerId;
  readonly streams = new Streams();
  consoleSize: { rows: number; columns: number } | undefined;
  readonly #context: EngineContext;
  readonly #mailbox = new Mailbox();
  readonly #waiters = new Waiters();
  readonly #restarts = new Restarts();
  readonly #health = new ContainerHealth(this);
  #record: ContainerRecord;
  #live: Live | undefined;
  /** Resolves when the end of the present run is in the record. */
  #exitRecorded: Promise<void> = Promise.resolve();
  /** Resolves when what the last run held is given back; the next start and the removal wait for it. */
  #released: Promise<void> = Promise.resolve();
  #removing = false;
  /** The engine ends: nothing starts any more. */
  #closing = false;
  /** An automatic removal on its way. */
  #removal: Promise<void> | undefined;

  constructor(record: ContainerRecord, context: EngineContext) {
    this.id = record.id;
    this.#record = record;
    this.#context = context;
  }

  get record(): ContainerRecord {
    return this.#record;
  }

  /** Resolves when the exit of what runs now is known to everybody. */
  get exitRecorded(): Promise<void> {
    return this.#exitRecorded;
  }

  get live(): Live | undefined {
    return this.#live;
  }

  get status(): Status {
    return this.#removing ? 'removing' : this.#record.state.status;
  }

  /** @throws conflict in Docker's words when nothing runs */
  running(): Live {
    if (!this.#live) throw conflict(`container ${this.id} is not running`);
    return this.#live;
  }

  /** The container is gone: whoever lists it forgets it. */
  protected abstract removed(): void;

  /** Runs a command of the health check in it. */
  abstract probe(...call: Parameters<Probe>): ReturnType<Probe>;

  /** Writes the record anew, durably, after all that is in the mailbox. */
  edit(change: (record: ContainerRecord) => Partial<ContainerRecord>): Promise<void> {
    return this.#mailbox.run(() => this.#change(change(this.#record), true));
  }

  start(): Promise<void> {
    return this.#mailbox.run(async () => {
      assertStartable(this.#record.state);
      if (this.#removing) throw conflict('container is marked for removal and cannot be started');
      if (this.#closing) throw unavailable('the engine is stopping');
      this.#restarts.reset();
      await this.#startNow(0);
    });
  }

  async stop(options: { signal?: string; timeoutSeconds?: number }): Promise<void> {
    await this.#mailbox.run(() => undefined); // a start that is on its way
    if (this.#record.state.status === 'restarting') return this.#giveUpRestart();
    const live = this.#live;
    if (!live) throw notModified();
    const { config } = this.#record;
    const signal = parseSignal(options.signal || config.StopSignal || 'SIGTERM');
    const seconds = options.timeoutSeconds ?? config.StopTimeout ?? defaultStopSeconds;
    await this.#holdRestart();
    await this.#endWith(live, signal, seconds);
    this.emit('stop');
  }

  /** Sends `signal`, and SIGKILL once the patience is over (negative: never). Resolves when the exit is recorded. */
  async #endWith(live: Live, signal: number, seconds: number): Promise<void> {
    const recorded = this.#exitRecorded;
    await this.#signalNow(live, signal);
    if (seconds < 0 || (await settledWithin(recorded, seconds * 1000))) return recorded;
    await this.#signalNow(live, SIGKILL);
    return recorded;
  }

  /** A frozen process would never hear it: it is thawed after a signal that shall end it. */
  async #signalNow(live: Live, signal: number): Promise<void> {
    live.process.signal(signal);
    this.emit('kill', { signal: String(signal) });
    if (this.#record.state.status !== 'paused') return;
    await this.#mailbox.run(async () => {
      if (this.#record.state.status !== 'paused') return;
      await live.cgroup.thaw();
      this.#changeSurely({ state: unpaused(this.#record.state, this.id) }, false);
      this.#health.watch();
    });
  }

  async restart(options: { signal?: string; timeoutSeconds?: number }): Promise<void> {
    await this.stop(options).catch(error => {
      if (!(error instanceof EngineError && error.kind === 'not-modified')) throw error;
    });
    await this.start();
    this.emit('restart');
  }

  async kill(text: string | undefined): Promise<void> {
    const signal = this.#signalToKillWith(text);
    if (this.#record.state.status === 'restarting') return this.#giveUpRestart();
    const live = this.#live;
    if (!live) throw conflict(`cannot kill container: ${this.#record.name}: container ${this.id} is not running`);
    const stopSignal = parseSignal(this.#record.config.StopSignal || 'SIGTERM');
    if (signal !== SIGKILL && signal !== stopSignal) {
      live.process.signal(signal);
      this.emit('kill', { signal: String(signal) });
      return;
    }
    await this.#holdRestart();
    const recorded = this.#exitRecorded;
    await this.#signalNow(live, signal);
    if (signal === SIGKILL) await recorded;
  }

  #signalToKillWith(text: string | undefined): number {
    try {
      return text ? parseSignal(text) : SIGKILL;
    } catch (error) {
      throw invalidArgument(`cannot kill container: ${this.#record.name}: ${messageOf(error)}`, { cause: error });
    }
  }

  pause(): Promise<void> {
    return this.#mailbox.run(async () => {
      const next = paused(this.#record.state, this.id);
      await this.running().cgroup.freeze();
      this.#changeSurely({ state: next }, false);
      this.#health.stop();
      this.emit('pause');
    });
  }

  unpause(): Promise<void> {
    return this.#mailbox.run(async () => {
      const next = unpaused(this.#record.state, this.id);
      await this.running().cgroup.thaw();
      this.#changeSurely({ state: next }, false);
      this.#health.watch();
      this.emit('unpause');
    });
  }

  async remove(options: { force: boolean; volumes: boolean; link: boolean }): Promise<void> {
    if (this.#removing) throw conflict(`removal of container ${this.id} is already in progress`);
    if (options.link) throw internal('Conflict, cannot remove the default link name of the container');
    this.#assertRemovable(options.force);
    this.#removing = true;
    try {
      this.#restarts.cancel();
      await this.#mailbox.run(() => undefined); // a start that is on its way; no other can begin
      const live = this.#live;
      if (live) await this.#endWith(live, SIGKILL, -1);
      await this.#mailbox.run(() => this.#removeNow(options.volumes));
    } catch (error) {
      this.#removing = false;
      throw error;
    }
  }

  wait(condition: WaitCondition, signal: AbortSignal): Promise<ContainerWaitResponse> {
    const { status } = this.#record.state;
    const done = status === 'created' || status === 'exited' || status === 'dead';
    if (condition === 'not-running' && done && !this.#removing) return Promise.resolve(this.#answer());
    return this.#waiters.wait(condition, signal);
  }

  /** Tells everybody who listens; the attributes are the labels and what `more` adds. */
  emit(action: string, more: Record<string, string> = {}): void {
    const { config, image, name } = this.#record;
    const attributes = { ...config.Labels, image: image.reference, name, ...more };
    this.#context.events.emit({ type: 'container', action, id: this.id, attributes });
  }

  setHealth(health: HealthDocument, save: boolean): void {
    if (save) this.#changeSurely({ health }, false);
    else this.#record = { ...this.#record, health };
  }

  /** Boot: a process of an earlier engine is ours again. */
  adopt(live: Live): void {
    this.#watch(live);
    if (this.#record.state.status === 'running') this.#health.watch();
  }

  /** Boot: the end that happened while no engine was there, or with the machine. */
  adoptExit(status: ExitStatus): void {
    this.#changeSurely({ state: this.#endedState(status, 'exited', false) }, true);
  }

  /** Boot: as its restart policy wants it; `always` also when the user had stopped it. */
  startWithEngine(): void {
    void this.start().catch(error =>
      this.#context.log.warn('A container did not come up with the engine', { id: this.id, error: messageOf(error) }),
    );
  }

  /** What the last run held is given back; also at boot, for a container that no longer runs. */
  releaseNow(): Promise<void> {
    // In a turn of its own: whoever waits for the end is told first.
    this.#released = new Promise(resolve => setImmediate(resolve)).then(() => release(this.#record, this.#context));
    return this.#released;
  }

  /** The engine ends: nothing starts by itself any more. */
  async endForEngine(graceSeconds: number): Promise<void> {
    this.#closing = true;
    this.#restarts.cancel();
    this.#health.leave();
    await this.#mailbox.run(() => undefined);
    const live = this.#live;
    const signal = parseSignal(this.#record.config.StopSignal || 'SIGTERM');
    const seconds = Math.min(this.#record.config.StopTimeout ?? graceSeconds, graceSeconds);
    if (live) await this.#endWith(live, signal, seconds);
    await this.#removal;
    await this.#mailbox.settled();
    await this.#released;
  }

  async #startNow(restartCount: number): Promise<void> {
    this.#restarts.cancel();
    await this.#released;
    try {
      const live = await launch(this.#record, this.#context, { consoleSize: this.consoleSize });
      const { record: sandbox, ports } = live.sandbox;
      const state = started(live.process.pid, live.process.startedAt.toISOString());
      const health = healthPlanOf(this.#record.config) && { health: startedHealth(this.#record.health) };
      const news = { state, sandbox, ports, manuallyStopped: false, restartCount, ...health };
      this.#change(news, hasRestartPolicy(this.#record));
      this.#watch(live);
      this.#health.watch();
      emitHoldings(this.#record, 'taken', this.#context.events);
      this.emit('start');
    } catch (error) {
      throw await this.#startFailed(error);
    }
  }

  async #startFailed(error: unknown): Promise<EngineError> {
    const failure = launchFailure(error, commandOf(this.#record.config)[0] ?? '');
    const exitCode = exitCodeOf(failure.message);
    this.#changeSurely({ state: startFailed(this.#record.state, { exitCode, error: failure.message }) }, false);
    this.streams.ended();
    await this.releaseNow();
    this.#waiters.settle(['not-running'], this.#answer());
    this.emit('die', { exitCode: String(exitCode), execDuration: '0' });
    if (this.#record.hostConfig.AutoRemove) this.#removeSoon();
    return failure;
  }

  #watch(live: Live): void {
    this.#live = live;
    this.streams.opened(live.input);
    live.output.subscribe(chunk => this.streams.broadcast(chunk));
    const recorded = live.process.exited.then(status => this.#exited(live, status));
    this.#exitRecorded = recorded.catch(error =>
      this.#context.log.error('An exit was not recorded', { id: this.id, error }),
    );
  }

  async #exited(live: Live, status: ExitStatus): Promise<void> {
    if (!(await settledWithin(live.output.ended, outputGraceMs))) live.output.cut();
    await this.#mailbox.run(() => this.#recordExit(live, status));
  }

  #recordExit(live: Live, status: ExitStatus): void {
    const oomKilled = status.oomKilled ?? live.cgroup.oomKills() > 0;
    const ranMs = this.#ranMs(status);
    const { exitCode } = status;
    const delayMs =
      this.#removing || this.#closing ? undefined : this.#restarts.next(this.#record, { exitCode, ranMs });
    const autoRemove = this.#record.hostConfig.AutoRemove ?? false;
    const state = this.#endedState(status, delayMs === undefined ? 'exited' : 'restarting', oomKilled);
    const { restartCount } = this.#record;
    this.#changeSurely({ state, restartCount: delayMs === undefined ? restartCount : restartCount + 1 }, !autoRemove);
    this.#health.stop();
    this.#live = undefined;
    live.output.close();
    this.streams.ended();
    if (oomKilled) this.emit('oom');
    emitHoldings(this.#record, 'released', this.#context.events);
    this.emit('die', { exitCode: String(status.exitCode), execDuration: String(Math.floor(ranMs / 1000)) });
    this.#waiters.settle(delayMs === undefined ? ['next-exit', 'not-running'] : ['next-exit'], this.#answer());
    void this.releaseNow();
    if (delayMs !== undefined) this.#restartSoon(delayMs);
    else if (autoRemove && !this.#removing) this.#removeSoon();
  }

  #endedState(status: ExitStatus, next: 'exited' | 'restarting', oomKilled: boolean): ContainerState {
    const { exitCode, cause } = status;
    const finishedAt = status.finishedAt.toISOString();
    return ended(this.#record.state, { exitCode, finishedAt, oomKilled, ...(cause ? { error: cause } : {}) }, next);
  }

  #ranMs(status: ExitStatus): number {
    const { state } = this.#record;
    return isAlive(state) ? status.finishedAt.getTime() - Date.parse(state.startedAt) : 0;
  }

  #restartSoon(delayMs: number): void {
    this.#restarts.after(delayMs, () => {
      void this.#mailbox
        .run(() => this.#restartNow())
        .catch(error => this.#context.log.warn('A restart failed', { id: this.id, error: messageOf(error) }));
    });
  }

  async #restartNow(): Promise<void> {
    if (this.#removing || this.#closing || this.#record.manuallyStopped || this.#live) return;
    await this.#startNow(this.#record.restartCount);
  }

  /** `stop` or `kill` of a container that waits for its next start. */
  #giveUpRestart(): Promise<void> {
    return this.#mailbox.run(() => {
      this.#restarts.cancel();
      const { state } = this.#record;
      if (state.status !== 'restarting') return;
      this.#changeSurely({ state: { ...state, status: 'exited' }, manuallyStopped: true }, true);
      this.#waiters.settle(['not-running'], this.#answer());
      this.emit('stop');
    });
  }

  /** The user wants it down: the policy holds still. Durable where it would otherwise rise with the machine. */
  async #holdRestart(): Promise<void> {
    if (this.#record.manuallyStopped) return;
    this.#changeSurely({ manuallyStopped: true }, hasRestartPolicy(this.#record));
  }

  #assertRemovable(force: boolean): void {
    const { status } = this.#record.state;
    if (force || (status !== 'running' && status !== 'paused' && status !== 'restarting')) return;
    const what = `cannot remove container "${this.#record.name}": container is ${status}`;
    if (status === 'paused') throw conflict(`${what} and must be unpaused first`);
    throw conflict(`${what}: stop the container before removing or force remove`);
  }

  #removeSoon(): void {
    this.#removal = this.remove({ force: true, volumes: true, link: false }).catch(error => {
      this.#context.log.error('An automatic removal failed', { id: this.id, error });
    });
  }

  async #removeNow(volumes: boolean): Promise<void> {
    await this.#released;
    await removeResources(this.#record, volumes, this.#context);
    this.removed();
    this.streams.ended();
    this.#waiters.settle(['removed', 'not-running', 'next-exit'], this.#answer());
    this.emit('destroy');
  }

  #answer(): ContainerWaitResponse {
    return { StatusCode: lastExitCode(this.#record.state) };
  }

  /** For what has happened whether the disk takes it or not. */
  #changeSurely(change: Partial<ContainerRecord>, durable: boolean): void {
    try {
      this.#change(change, durable);
    } catch (error) {
      this.#context.log.error('A record could not be written', { id: this.id, error });
      this.#record = { ...this.#record, ...change };
    }
  }

  #change(change: Partial<ContainerRecord>, durable: boolean): void {
    const record = { ...this.#record, ...change };
    this.#context.records.save(record, durable);
    this.#record = record;
  }
}
