import { settledWithin } from '../../base/clock.ts';
import type { ContainerWaitResponse } from '../../contracts/docker/containers.ts';
import {
  conflict,
  EngineError,
  internal,
  invalidArgument,
  messageOf,
  notModified,
  unavailable,
} from '../../contracts/errors.ts';
import { findCheckpoint } from './checkpoints.ts';
import { ContainerRuns } from './container-runs.ts';
import { assertStartable, paused, unpaused } from './container-state.ts';
import { cpuCount } from './cpu-count.ts';
import type { CheckpointPlace, WaitCondition } from './engine.ts';
import type { Live } from './launch.ts';
import { removeResources } from './remove.ts';
import { settleResources } from './resource-checks.ts';
import { hasRestartPolicy } from './restarts.ts';
import { isSendable, parseSendable, parseSignal } from './signals.ts';

const defaultStopSeconds = 10;
const SIGKILL = 9;

/**
 * A container's way from its creation to its removal, as users and the engine steer it. What changes it goes through the
 * mailbox; `stop`, `kill` and `wait` watch from outside, so that a stubborn process blocks nobody.
 */
export abstract class ContainerLife extends ContainerRuns {
  /** An automatic removal on its way. */
  #removal: Promise<void> | undefined;
  /** A restart on its way. */
  #comeback: Promise<void> | undefined;

  /** The container is gone: whoever lists it forgets it. */
  protected abstract removed(): void;

  start(from?: CheckpointPlace): Promise<void> {
    return this.mailbox.run(async () => {
      assertStartable(this.record.state);
      if (this.removing) throw conflict('container is marked for removal and cannot be started');
      if (this.closing) throw unavailable('the engine is stopping');
      // An update may have left limits that do not go together.
      settleResources(this.record.hostConfig, { cpus: cpuCount, features: this.context.rooms.cgroups.features() });
      this.restarts.reset();
      await this.startNow(0, from && findCheckpoint(this.record, from, this.context));
    });
  }

  async stop(options: { signal?: string; timeoutSeconds?: number }): Promise<void> {
    await this.mailbox.run(() => undefined); // a start that is on its way
    if (this.record.state.status === 'restarting') return this.#giveUpRestart();
    const live = this.live;
    if (!live) throw notModified();
    const { config } = this.record;
    const signal = parseSignal(options.signal || config.StopSignal || 'SIGTERM');
    const seconds = options.timeoutSeconds ?? config.StopTimeout ?? defaultStopSeconds;
    await this.#holdRestart();
    await this.#endWith(live, signal, seconds);
    this.emit('stop');
  }

  /**
   * Sends `signal`, and SIGKILL once the patience is over (negative: never), or at once after a number that Linux has no
   * signal for. Resolves when the exit is recorded.
   */
  async #endWith(live: Live, signal: number, seconds: number): Promise<void> {
    const recorded = this.exitRecorded;
    if (isSendable(signal)) {
      await this.#signalNow(live, signal);
      if (seconds < 0 || (await settledWithin(recorded, seconds * 1000))) return recorded;
    }
    await this.#signalNow(live, SIGKILL);
    return recorded;
  }

  /** A frozen process would never hear it: it is thawed after a signal that shall end it. */
  async #signalNow(live: Live, signal: number): Promise<void> {
    live.process.signal(signal);
    this.emit('kill', { signal: String(signal) });
    if (this.record.state.status !== 'paused') return;
    await this.mailbox.run(async () => {
      if (this.record.state.status !== 'paused') return;
      await live.cgroup.thaw();
      void this.changeSurely({ state: unpaused(this.record.state, this.id) }, false);
      this.health.watch();
    });
  }

  async restart(options: { signal?: string; timeoutSeconds?: number }): Promise<void> {
    const comeback = this.#stopAndStart(options);
    this.#comeback = comeback;
    try {
      await comeback;
    } finally {
      if (this.#comeback === comeback) this.#comeback = undefined;
    }
    this.emit('restart');
  }

  /**
   * Resolves when a restart that has come half of its way is over: dockerd holds the container's lock while it starts, so
   * who hears of its death and asks hears that it runs. `docker compose up` would go home without that.
   */
  protected async restarted(): Promise<void> {
    if (this.record.state.status === 'exited') await this.#comeback?.catch(() => undefined);
  }

  async #stopAndStart(options: { signal?: string; timeoutSeconds?: number }): Promise<void> {
    await this.stop(options).catch(error => {
      if (!(error instanceof EngineError && error.kind === 'not-modified')) throw error;
    });
    await this.start();
  }

  async kill(text: string | undefined): Promise<void> {
    const signal = this.#signalToKillWith(text);
    if (this.record.state.status === 'restarting') return this.#giveUpRestart();
    const live = this.live;
    if (!live) throw conflict(`cannot kill container: ${this.record.name}: container ${this.id} is not running`);
    const stopSignal = parseSignal(this.record.config.StopSignal || 'SIGTERM');
    if (signal !== SIGKILL && signal !== stopSignal) {
      live.process.signal(signal);
      this.emit('kill', { signal: String(signal) });
      return;
    }
    await this.#holdRestart();
    const recorded = this.exitRecorded;
    await this.#signalNow(live, signal);
    if (signal === SIGKILL) await recorded;
  }

  #signalToKillWith(text: string | undefined): number {
    try {
      return text ? parseSendable(text) : SIGKILL;
    } catch (error) {
      throw invalidArgument(`cannot kill container: ${this.record.name}: ${messageOf(error)}`, { cause: error });
    }
  }

  pause(): Promise<void> {
    return this.mailbox.run(async () => {
      const next = paused(this.record.state, this.id);
      await this.running().cgroup.freeze();
      void this.changeSurely({ state: next }, false);
      this.health.stop();
      this.emit('pause');
    });
  }

  unpause(): Promise<void> {
    return this.mailbox.run(async () => {
      const next = unpaused(this.record.state, this.id);
      await this.running().cgroup.thaw();
      void this.changeSurely({ state: next }, false);
      this.health.watch();
      this.emit('unpause');
    });
  }

  async remove(options: { force: boolean; volumes: boolean; link: boolean }): Promise<void> {
    if (this.removing) throw conflict(`removal of container ${this.id} is already in progress`);
    if (options.link) throw internal('Conflict, cannot remove the default link name of the container');
    this.#assertRemovable(options.force);
    this.removing = true;
    try {
      this.restarts.cancel();
      await this.mailbox.run(() => undefined); // a start that is on its way; no other can begin
      const live = this.live;
      if (live) await this.#endWith(live, SIGKILL, -1);
      await this.mailbox.run(() => this.#removeNow(options.volumes));
    } catch (error) {
      this.removing = false;
      throw error;
    }
  }

  wait(condition: WaitCondition, signal: AbortSignal): Promise<ContainerWaitResponse> {
    const { status } = this.record.state;
    const done = status === 'created' || status === 'exited' || status === 'dead';
    if (condition === 'not-running' && done && !this.removing) return this.exitRecorded.then(() => this.answer());
    return this.waiters.wait(condition, signal);
  }

  /** Boot: as its restart policy wants it; `always` also when the user had stopped it. */
  startWithEngine(): void {
    void this.start().catch(error =>
      this.context.log.warn('A container did not come up with the engine', { id: this.id, error: messageOf(error) }),
    );
  }

  /** The engine ends: nothing starts by itself any more. */
  async endForEngine(graceSeconds: number): Promise<void> {
    this.closing = true;
    this.restarts.cancel();
    this.health.leave();
    await this.mailbox.run(() => undefined);
    const live = this.live;
    const signal = parseSignal(this.record.config.StopSignal || 'SIGTERM');
    const seconds = Math.min(this.record.config.StopTimeout ?? graceSeconds, graceSeconds);
    if (live) await this.#endWith(live, signal, seconds);
    await this.#removal;
    await this.mailbox.settled();
    await this.released;
  }

  /** `stop` or `kill` of a container that waits for its next start. */
  #giveUpRestart(): Promise<void> {
    return this.mailbox.run(async () => {
      this.restarts.cancel();
      const { state } = this.record;
      if (state.status !== 'restarting') return;
      await this.changeSurely({ state: { ...state, status: 'exited' }, manuallyStopped: true }, true);
      this.waiters.settle(['not-running'], this.answer());
      this.emit('stop');
    });
  }

  /** The user wants it down: the policy holds still. Durable where it would otherwise rise with the machine. */
  async #holdRestart(): Promise<void> {
    if (this.record.manuallyStopped) return;
    await this.changeSurely({ manuallyStopped: true }, hasRestartPolicy(this.record));
  }

  #assertRemovable(force: boolean): void {
    const { status } = this.record.state;
    if (force || (status !== 'running' && status !== 'paused' && status !== 'restarting')) return;
    const what = `cannot remove container "${this.record.name}": container is ${status}`;
    if (status === 'paused') throw conflict(`${what} and must be unpaused first`);
    throw conflict(`${what}: stop the container before removing or force remove`);
  }

  protected override removeSoon(): void {
    this.#removal = this.remove({ force: true, volumes: true, link: false }).catch(error => {
      this.context.log.error('An automatic removal failed', { id: this.id, error });
    });
  }

  async #removeNow(volumes: boolean): Promise<void> {
    await Promise.all([this.released, this.mourned()]);
    await removeResources(this.record, volumes, this.context);
    this.removed();
    this.streams.ended();
    this.waiters.settle(['removed', 'not-running', 'next-exit'], this.answer());
    this.emit('destroy');
  }
}
