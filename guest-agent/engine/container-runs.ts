import { systemClock } from '../../base/clock.ts';
import { Mailbox } from '../../base/mailbox.ts';
import type { PutOff } from '../../base/put-off.ts';
import type { ContainerId } from '../../contracts/brand.ts';
import type { ContainerWaitResponse, HealthDocument } from '../../contracts/docker/containers.ts';
import { conflict, type EngineError, messageOf } from '../../contracts/errors.ts';
import type { OutputListener } from '../logs/index.ts';
import type { ExitStatus } from '../runtime/index.ts';
import { commandOf } from './config.ts';
import { ContainerHealth } from './container-health.ts';
import type { ContainerRecord } from './container-record.ts';
import {
  type ContainerState,
  ended,
  isAlive,
  lastExitCode,
  type Status,
  started,
  startFailed,
} from './container-state.ts';
import type { EngineContext } from './context.ts';
import type { Probe } from './health-monitor.ts';
import { healthPlanOf, startedHealth } from './health-state.ts';
import { type Live, launch, release } from './launch.ts';
import { exitCodeOf, launchFailure } from './launch-error.ts';
import { outputEnd } from './output-end.ts';
import { hasRestartPolicy, Restarts } from './restarts.ts';
import { emitHoldings } from './run-events.ts';
import { Streams } from './streams.ts';
import { Waiters } from './waiters.ts';

/** In which a dead container can be asked for, if somebody listens: dockerd takes as long to remove one, and compose panics without. */
const mourningMs = 15;

/**
 * A container's runs, one after the other, and the only writer of its record: a run is launched, watched, recorded when it
 * ends, given back, and perhaps followed by another.
 */
export abstract class ContainerRuns {
  readonly id: ContainerId;
  readonly streams = new Streams();
  consoleSize: { rows: number; columns: number } | undefined;
  /** Variables for its process alone: they are on no disk, and nobody who inspects it sees them. */
  secretEnv: readonly string[] = [];
  protected readonly context: EngineContext;
  /** What changes the container goes through here, one after the other. */
  protected readonly mailbox = new Mailbox();
  protected readonly waiters = new Waiters();
  protected readonly restarts = new Restarts();
  protected readonly health = new ContainerHealth(this);
  protected removing = false;
  /** The engine ends: nothing starts any more. */
  protected closing = false;
  #record: ContainerRecord;
  #live: Live | undefined;
  #exitRecorded: Promise<void> = Promise.resolve();
  #released: Promise<PutOff | undefined> = Promise.resolve(undefined);
  #diedAt = Number.NEGATIVE_INFINITY;

  constructor(record: ContainerRecord, context: EngineContext) {
    this.id = record.id;
    this.#record = record;
    this.context = context;
  }

  get record(): ContainerRecord {
    return this.#record;
  }

  /** Resolves when the exit of what runs now is known to everybody. */
  get exitRecorded(): Promise<void> {
    return this.#exitRecorded;
  }

  /** Resolves when what the last run held is given back; the removal waits for it, and the next start for what it left, too. */
  protected get released(): Promise<unknown> {
    return this.#released;
  }

  /** Resolves when whoever was told that it has died has had the time to ask how. */
  protected async mourned(): Promise<void> {
    const leftMs = this.context.events.listenerCount > 0 ? this.#diedAt + mourningMs - performance.now() : 0;
    if (leftMs > 0) await systemClock.sleep(leftMs);
  }

  get live(): Live | undefined {
    return this.#live;
  }

  get status(): Status {
    return this.removing ? 'removing' : this.#record.state.status;
  }

  /** @throws conflict in Docker's words when nothing runs */
  running(): Live {
    if (this.status === 'restarting')
      throw conflict(`Container ${this.id} is restarting, wait until the container is running`);
    if (!this.#live) throw conflict(`container ${this.id} is not running`);
    return this.#live;
  }

  /** What its process says, for all who are attached. */
  readonly hear: OutputListener = chunk => this.streams.broadcast(chunk);

  /** Runs a command of the health check in it. */
  abstract probe(...call: Parameters<Probe>): ReturnType<Probe>;

  /** Its end has come, and it wants to go with it. */
  protected abstract removeSoon(): void;

  /** Writes the record anew, durably, after all that is in the mailbox. */
  edit(change: (record: ContainerRecord) => Partial<ContainerRecord>): Promise<void> {
    return this.mailbox.run(() => this.change(change(this.#record), true));
  }

  /** Tells everybody who listens; the attributes are the labels and what `more` adds. */
  emit(action: string, more: Record<string, string> = {}): void {
    const { config, image, name } = this.#record;
    const attributes = { ...config.Labels, image: image.reference, name, ...more };
    this.context.events.emit({ type: 'container', action, id: this.id, attributes });
  }

  setHealth(health: HealthDocument, save: boolean): void {
    if (save) void this.changeSurely({ health }, false);
    else this.#record = { ...this.#record, health };
  }

  /** Boot: a process of an earlier engine is ours again. */
  adopt(live: Live): void {
    this.#watch(live);
    if (this.#record.state.status === 'running') this.health.watch();
  }

  /** Boot: the end that happened while no engine was there, or with the machine. */
  adoptExit(status: ExitStatus): Promise<void> {
    return this.changeSurely({ state: this.#endedState(status, 'exited', false) }, true);
  }

  /** What the last run held is given back; also at boot, for a container that no longer runs. */
  releaseNow(): Promise<PutOff | undefined> {
    // In a turn of its own: whoever waits for the end is told first.
    this.#released = new Promise(resolve => setImmediate(resolve)).then(() => release(this.#record, this.context));
    return this.#released;
  }

  /** `checkpoint`: a folder to go on from. */
  protected async startNow(restartCount: number, checkpoint?: string): Promise<void> {
    this.restarts.cancel();
    await (await this.#released)?.now();
    try {
      const live = await launch(this.#record, this.context, {
        consoleSize: this.consoleSize,
        secretEnv: this.secretEnv,
        checkpoint,
        hear: this.hear,
      });
      const { record: sandbox, ports } = live.sandbox;
      const state = started(live.process.pid, live.process.startedAt.toISOString());
      const health = healthPlanOf(this.#record.config) && { health: startedHealth(this.#record.health) };
      const news = { state, sandbox, ports, manuallyStopped: false, restartCount, ...health };
      await this.change(news, hasRestartPolicy(this.#record));
      this.#watch(live);
      this.health.watch();
      emitHoldings(this.#record, 'taken', this.context.events);
      this.emit('start');
    } catch (error) {
      throw await this.#startFailed(error);
    }
  }

  async #startFailed(error: unknown): Promise<EngineError> {
    const { config, mounts } = this.#record;
    const failure = launchFailure(error, { command: commandOf(config)[0] ?? '', mounts });
    const exitCode = exitCodeOf(failure.message);
    void this.changeSurely({ state: startFailed(this.#record.state, { exitCode, error: failure.message }) }, false);
    this.streams.ended();
    await (await this.releaseNow())?.now();
    this.waiters.settle(['not-running'], this.answer());
    this.emit('die', { exitCode: String(exitCode), execDuration: '0' });
    if (this.#record.hostConfig.AutoRemove) this.removeSoon();
    return failure;
  }

  #watch(live: Live): void {
    this.#live = live;
    this.streams.opened(live.input);
    const recorded = live.process.exited.then(status => this.#exited(live, status));
    this.#exitRecorded = recorded.catch(error =>
      this.context.log.error('An exit was not recorded', { id: this.id, error }),
    );
  }

  async #exited(live: Live, status: ExitStatus): Promise<void> {
    await outputEnd(live.output);
    await this.mailbox.run(() => this.#recordExit(live, status));
  }

  async #recordExit(live: Live, status: ExitStatus): Promise<void> {
    const oomKilled = status.oomKilled ?? live.cgroup.oomKills() > 0;
    const ranMs = this.#ranMs(status);
    const { exitCode } = status;
    const delayMs = this.removing || this.closing ? undefined : this.restarts.next(this.#record, { exitCode, ranMs });
    const autoRemove = this.#record.hostConfig.AutoRemove ?? false;
    const state = this.#endedState(status, delayMs === undefined ? 'exited' : 'restarting', oomKilled);
    const { restartCount } = this.#record;
    const end = { state, restartCount: delayMs === undefined ? restartCount : restartCount + 1 };
    const recorded = this.changeSurely(end, !autoRemove);
    this.health.stop();
    this.#live = undefined;
    live.output.close();
    await recorded;
    this.streams.ended();
    if (oomKilled) this.emit('oom');
    emitHoldings(this.#record, 'released', this.context.events);
    this.#diedAt = performance.now();
    this.emit('die', { exitCode: String(status.exitCode), execDuration: String(Math.floor(ranMs / 1000)) });
    this.waiters.settle(delayMs === undefined ? ['next-exit', 'not-running'] : ['next-exit'], this.answer());
    void this.releaseNow();
    if (delayMs !== undefined) this.#restartSoon(delayMs);
    else if (autoRemove && !this.removing) this.removeSoon();
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
    this.restarts.after(delayMs, () => {
      void this.mailbox
        .run(() => this.#restartNow())
        .catch(error => this.context.log.warn('A restart failed', { id: this.id, error: messageOf(error) }));
    });
  }

  async #restartNow(): Promise<void> {
    if (this.removing || this.closing || this.#record.manuallyStopped || this.#live) return;
    await this.startNow(this.#record.restartCount);
  }

  protected answer(): ContainerWaitResponse {
    return { StatusCode: lastExitCode(this.#record.state) };
  }

  /** {@link change} for what has happened whether the disk takes it or not. */
  protected changeSurely(change: Partial<ContainerRecord>, durable: boolean): Promise<void> {
    const failed = (error: unknown): void =>
      this.context.log.error('A record could not be written', { id: this.id, error });
    try {
      return this.change(change, durable).catch(failed);
    } catch (error) {
      failed(error);
      this.#record = { ...this.#record, ...change };
      return Promise.resolve();
    }
  }

  /** The change is there when this returns, and survives a power cut when the promise resolves. @throws what kept it from the disk */
  protected change(change: Partial<ContainerRecord>, durable: boolean): Promise<void> {
    const record = { ...this.#record, ...change };
    const saved = this.context.records.save(record, durable);
    this.#record = record;
    return saved;
  }
}
