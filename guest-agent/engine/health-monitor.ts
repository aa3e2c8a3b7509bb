import type { HealthDocument } from '../../contracts/docker/containers.ts';
import { messageOf } from '../../contracts/errors.ts';
import { afterProbe, goDuration, type HealthPlan, type ProbeResult, probeDelay } from './health-state.ts';

/** Bytes of a probe's output that are kept. */
const keptOutputBytes = 4096;

/**
 * Runs a command to its end, giving its output to `onOutput`; ends it when the signal says so.
 * @returns its exit code @throws when it cannot be started
 */
export type Probe = (command: string[], onOutput: (data: Buffer) => void, signal: AbortSignal) => Promise<number>;

export interface HealthTarget {
  readonly startedAt: string;
  health(): HealthDocument;
  /** Something has become known. */
  changed(health: HealthDocument): void;
  probe: Probe;
}

/** Looks again and again whether a running container is well, one probe at a time, until it is stopped. */
export class HealthMonitor {
  readonly #plan: HealthPlan;
  readonly #target: HealthTarget;
  readonly #over = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(plan: HealthPlan, target: HealthTarget) {
    this.#plan = plan;
    this.#target = target;
    this.#later();
  }

  /** No further probe; the one under way is ended and its result forgotten. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#over.abort();
  }

  #later(): void {
    if (this.#over.signal.aborted) return;
    const ranMs = Date.now() - Date.parse(this.#target.startedAt);
    const delayMs = probeDelay(this.#target.health(), ranMs, this.#plan);
    this.#timer = setTimeout(() => void this.#look(), delayMs).unref();
  }

  async #look(): Promise<void> {
    const result = await this.#probed();
    if (this.#over.signal.aborted) return;
    const { startedAt } = this.#target;
    this.#target.changed(afterProbe(this.#target.health(), result, { plan: this.#plan, startedAt }));
    this.#later();
  }

  async #probed(): Promise<ProbeResult> {
    const Start = new Date().toISOString();
    const output = new KeptOutput();
    const late = AbortSignal.timeout(this.#plan.timeoutMs);
    try {
      const end = AbortSignal.any([late, this.#over.signal]);
      const code = await this.#target.probe(this.#plan.command, data => output.add(data), end);
      const result = late.aborted ? this.#timedOut(output.text()) : { ExitCode: code, Output: output.text() };
      return { Start, End: new Date().toISOString(), ...result };
    } catch (error) {
      return { Start, End: new Date().toISOString(), ExitCode: -1, Output: messageOf(error) };
    }
  }

  #timedOut(output: string): { ExitCode: number; Output: string } {
    const text = `Health check exceeded timeout (${goDuration(this.#plan.timeoutMs)})`;
    return { ExitCode: -1, Output: output === '' ? text : `${text}: ${output}` };
  }
}

/** The beginning of what a probe says. */
class KeptOutput {
  #kept = Buffer.alloc(0);
  #cut = false;

  add(data: Buffer): void {
    const room = keptOutputBytes - this.#kept.length;
    if (data.length > room) this.#cut = true;
    if (room > 0) this.#kept = Buffer.concat([this.#kept, data.subarray(0, room)]);
  }

  text(): string {
    return `${this.#kept.toString('utf8')}${this.#cut ? '...' : ''}`;
  }
}
