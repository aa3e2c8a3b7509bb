import type { HealthDocument } from '../../contracts/docker/containers.ts';
import type { ContainerRecord } from './container-record.ts';
import { isAlive } from './container-state.ts';
import { HealthMonitor, type Probe } from './health-monitor.ts';
import { healthPlanOf, startedHealth, unwatched } from './health-state.ts';

/** What the health check of a container needs of it. */
export interface WatchedContainer {
  readonly record: ContainerRecord;
  /** @param save false: only in memory */
  setHealth(health: HealthDocument, save: boolean): void;
  emit(action: string): void;
  probe: Probe;
}

/** The health check of one container; idle for those that have none. */
export class ContainerHealth {
  readonly #container: WatchedContainer;
  #monitor: HealthMonitor | undefined;

  constructor(container: WatchedContainer) {
    this.#container = container;
  }

  /** It runs, and has something to be looked at: from now on probes come. */
  watch(): void {
    const { config, state } = this.#container.record;
    const plan = healthPlanOf(config);
    if (!plan || !isAlive(state)) return;
    this.#monitor?.stop();
    this.#monitor = new HealthMonitor(plan, {
      startedAt: state.startedAt,
      health: () => this.#known,
      changed: health => this.#changed(health),
      probe: (...call) => this.#container.probe(...call),
    });
  }

  /** Nothing is probed any more, and what was known does not count. */
  stop(): void {
    if (!this.#monitor) return;
    this.leave();
    this.#container.setHealth(unwatched(this.#known), true);
  }

  /** The next engine goes on where this one stops. */
  leave(): void {
    this.#monitor?.stop();
    this.#monitor = undefined;
  }

  get #known(): HealthDocument {
    return this.#container.record.health ?? startedHealth(undefined);
  }

  /** Results are told from memory; what the disk keeps is the status. */
  #changed(health: HealthDocument): void {
    const isNews = health.Status !== this.#known.Status;
    this.#container.setHealth(health, isNews);
    if (isNews) this.#container.emit(`health_status: ${health.Status}`);
  }
}
