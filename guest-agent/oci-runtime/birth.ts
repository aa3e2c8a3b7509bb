import { closeSync } from 'node:fs';
import { type ForkedChild, forkChild, isCrash } from '../keeper/fork.ts';
import type { ChildReport, LaunchFailure, StartMessage } from '../keeper/protocol.ts';
import { othersAsleep } from '../keeper/threads.ts';
import { errnoName } from '../syscalls/errno.ts';
import { pidfdGetfd, pidfdOpen, pidfdSendSignal, type ReapedChild, waitForChild } from '../syscalls/process.ts';
import { fail, type RuntimeFailure } from './failure.ts';

const SIGKILL = 9;

/** A process of a container that is there: behind its gate, or already its program. */
export interface Born {
  pid: number;
  pidfd: number;
  /** The master of its terminal. */
  terminal: number | undefined;
  warnings: string[];
  /** Resolves when the program has taken over, after `start`. @throws RuntimeFailure when it could not */
  running: Promise<void>;
}

/** What is to be done outside while the child waits. */
export interface Midwife {
  paused(pid: number): void;
  /** A pidfd of the container that a further process joins. */
  container?: number;
}

/** Forks this process as the plan of `message` wants it. @throws RuntimeFailure; then nothing is left of it */
export async function bear(message: StartMessage, midwife: Midwife, again = true): Promise<Born> {
  await othersAsleep();
  const delivery = new Delivery(forkChild(message, midwife.container), midwife);
  try {
    await delivery.ready;
    return delivery.born();
  } catch (error) {
    const crashed = isCrash(delivery.kill()?.signal) && !delivery.isHeard;
    if (!crashed || !again) throw error;
    return bear(message, midwife, false);
  }
}

class Delivery {
  /** All is prepared. */
  readonly ready: Promise<void>;
  readonly #child: ForkedChild;
  readonly #midwife: Midwife;
  readonly #warnings: string[] = [];
  readonly #created = Promise.withResolvers<void>();
  readonly #running: Promise<void>;
  #pid: number;
  #pidfd: number;
  /** Ends when the one that goes on in its place is its program. */
  #forerunner: number | undefined;
  #terminal: number | undefined;
  #isReady = false;
  /** It has said something: what it has done cannot be done twice. */
  isHeard = false;
  #failure: RuntimeFailure | undefined;

  constructor(child: ForkedChild, midwife: Midwife) {
    this.#child = child;
    this.#midwife = midwife;
    this.#pid = child.pid;
    this.#pidfd = child.pidfd;
    let rest = '';
    child.socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#hear(JSON.parse(line) as ChildReport);
    });
    const closed = new Promise<void>(resolve => child.socket.on('close', () => resolve()));
    this.#running = closed.then(() => {
      if (this.#forerunner !== undefined) waitForChild(this.#forerunner);
      this.#assertAlive();
    });
    this.#running.catch(() => undefined); // not everybody waits for it
    this.ready = Promise.race([this.#created.promise, this.#running]);
  }

  born(): Born {
    const [pid, pidfd, terminal] = [this.#pid, this.#pidfd, this.#terminal];
    return { pid, pidfd, terminal, warnings: this.#warnings, running: this.#running };
  }

  /** How it ended is told, unless somebody else has heard that already. */
  kill(): ReapedChild | undefined {
    pidfdSendSignal(this.#pidfd, SIGKILL);
    this.#child.socket.destroy();
    return waitForChild(this.#pid);
  }

  #hear(report: ChildReport): void {
    this.isHeard = true;
    if ('warning' in report) this.#warnings.push(report.warning);
    else if ('ready' in report) this.#isReady = true;
    else if ('failure' in report) this.#failure = toFailure(report.failure);
    else if ('failedErrno' in report) this.#failure = lateFailure(report);
    else if ('created' in report) this.#created.resolve();
    else this.#help(report);
  }

  /** The child waits for one byte. */
  #help(report: Extract<ChildReport, { paused: string } | { reborn: number } | { terminal: number }>): void {
    try {
      if ('terminal' in report) this.#terminal = pidfdGetfd(this.#pidfd, report.terminal);
      else if ('paused' in report) this.#midwife.paused(this.#pid);
      else this.#replace(report.reborn);
      this.#child.socket.write('.');
    } catch (error) {
      this.#failure = error as RuntimeFailure;
      this.#child.socket.destroy();
    }
  }

  /** A second child goes on in its place, and is ours as well. */
  #replace(pid: number): void {
    closeSync(this.#pidfd);
    this.#forerunner = this.#pid;
    this.#pid = pid;
    this.#pidfd = pidfdOpen(pid);
  }

  #assertAlive(): void {
    if (this.#failure) throw this.#failure;
    if (!this.#isReady) throw fail('unable to start container process: it died while it was prepared');
  }
}

const cannotStart = 'unable to start container process: error during container init: ';

function toFailure({ step, code, subject, detail }: LaunchFailure): RuntimeFailure {
  if (step === 'awaitStart' || step === 'execve') return programFailure(code, subject);
  return fail(`${cannotStart}${code === 'EHOOK' ? detail : `${step} ${subject}: ${code} (${detail})`}`);
}

const lateFailure = (report: { failedErrno: string; subject: string }): RuntimeFailure =>
  programFailure(errnoName(Number(report.failedErrno)), report.subject);

function programFailure(code: string, program: string): RuntimeFailure {
  const words: Record<string, string> = {
    ENOENT: program.includes('/') ? `stat ${program}: no such file or directory` : 'executable file not found in $PATH',
    ENOTDIR: `stat ${program}: not a directory`,
    EACCES: 'permission denied',
    EISDIR: 'is a directory',
    ENOEXEC: 'exec format error',
  };
  return fail(`${cannotStart}exec: ${JSON.stringify(program)}: ${words[code] ?? code}`);
}
