import { cancelled, messageOf } from '../../contracts/errors.ts';
import type { RunningMachine } from './driver.ts';
import { isGuestPhase, limitOf, phaseFacts, StartError, type StartPhase, startPhases } from './start-phases.ts';

/** One phase of a start, told as it begins and as it ends. */
export interface Progress {
  phase: StartPhase;
  title: string;
  /** Present at the end: how long it took. */
  ms?: number;
  /** What was found, where that is of interest. */
  detail?: string;
}

/** Runs phases: tells them, times them, limits them, and turns whatever goes wrong into a {@link StartError}. */
export class PhaseRunner {
  accelerated = true;
  readonly #report: (progress: Progress) => void;
  readonly #signal: AbortSignal;
  readonly #entered: (phase: StartPhase) => void;
  #machine: RunningMachine | undefined;

  constructor(report: (progress: Progress) => void, signal: AbortSignal, entered: (phase: StartPhase) => void) {
    this.#report = report;
    this.#signal = signal;
    this.#entered = entered;
  }

  /** From now on a phase also ends when this machine does, if there is one. */
  watch(machine: RunningMachine | undefined): void {
    this.#machine = machine;
    if (machine) this.accelerated = machine.accelerated;
  }

  async run<T>(phase: StartPhase, work: () => T | Promise<T>, detail?: (result: T) => string): Promise<T> {
    const { title } = phaseFacts[phase];
    const began = performance.now();
    this.#entered(phase);
    this.#report({ phase, title });
    const result = await this.#limited(phase, work);
    this.#report({ phase, title, ms: performance.now() - began, detail: detail?.(result) });
    return result;
  }

  /**
   * The guest's own phases, as it tells them on its readiness port; the next one begins when `reachedOne` is done with one's
   * end. A machine that runs has told them all; one that resumed does not tell again what lies behind it.
   */
  async followGuest(machine: RunningMachine, reachedOne: (phase: StartPhase) => Promise<void>): Promise<void> {
    const end = new AbortController();
    const lines = machine.bootLines(end.signal)[Symbol.asyncIterator]();
    const reached = new Set<StartPhase>(machine.resumed ? upTo('agent') : []);
    try {
      for (const phase of startPhases.filter(isGuestPhase)) {
        if (reached.has(phase)) continue;
        await this.run(phase, async () => {
          while (!reached.has(phase)) {
            const line = await lines.next();
            if (line.done) throw new Error('the machine ended');
            if (line.value.phase === 'failed') throw new Error(line.value.message);
            for (const each of upTo(line.value.phase)) reached.add(each);
          }
        });
        await reachedOne(phase);
      }
    } finally {
      end.abort();
    }
  }

  async #limited<T>(phase: StartPhase, work: () => T | Promise<T>): Promise<T> {
    const limitMs = limitOf(phase, this.accelerated);
    const { title } = phaseFacts[phase];
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`it took longer than ${limitMs / 1000} s`)), limitMs);
      this.#signal.addEventListener('abort', () => reject(cancelled('the start was cancelled')), { once: true });
      void this.#machine?.exited.then(exit => reject(new Error(exit.reason)));
    });
    try {
      if (this.#signal.aborted) throw cancelled('the start was cancelled');
      return await Promise.race([Promise.resolve().then(work), late]);
    } catch (cause) {
      if (this.#signal.aborted) throw cancelled('the start was cancelled');
      throw new StartError(phase, `${title}: ${messageOf(cause)}${this.#lastWords(phase)}`, { cause });
    } finally {
      clearTimeout(timer);
      late.catch(() => undefined);
    }
  }

  #lastWords(phase: StartPhase): string {
    const words = isGuestPhase(phase) ? (this.#machine?.lastWords() ?? []) : [];
    return words.length > 0 ? `\nThe machine's last words:\n  ${words.join('\n  ')}` : '';
  }
}

/** A step implies those before it: an initramfs may be too small to speak. */
const upTo = (phase: StartPhase): readonly StartPhase[] => startPhases.slice(0, startPhases.indexOf(phase) + 1);
