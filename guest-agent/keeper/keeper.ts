import { readFileSync } from 'node:fs';
import {
  isChild,
  pidfdGetfd,
  pidfdOpen,
  pidfdSendSignal,
  type ReapedChild,
  reapChild,
  waitForChild,
} from '../syscalls/process.ts';
import { setTerminalSize } from '../syscalls/terminal.ts';
import { begunOtherwise } from './ahead.ts';
import { failure, lateFailure, notRunning, toFailure } from './failure.ts';
import { canaryExitCode, type ForkedChild, forkCanary, forkChild, isCrash } from './fork.ts';
import { Held } from './held.ts';
import { onLines } from './lines.ts';
import type {
  ChildReport,
  HeldProcess,
  KeeperEvent,
  KeeperReply,
  KeeperRequest,
  LaunchFailure,
  StartMessage,
} from './protocol.ts';
import { protocolVersion } from './protocol.ts';
import { Spares } from './spare.ts';
import { Successions } from './successions.ts';
import { othersAsleep } from './threads.ts';

const SIGKILL = 9;
const canaryPatienceMs = 5000;

type Answer = Omit<KeeperReply, 'reply'>;

/** How a child's way to execve went. */
interface Birth {
  error?: LaunchFailure;
  warnings: string[];
}

/** Parent of all containers: forks, reaps, and remembers how each ended until it is told to forget. */
export class Keeper {
  readonly #held = new Map<string, Held>();
  readonly #byPid = new Map<number, Held>();
  readonly #tell: (event: KeeperEvent) => void;
  readonly #canary: Promise<string>;
  readonly #spares = new Spares();
  readonly #successions = new Successions();
  /** Children on their way to execve. */
  #underWay = 0;
  #forkable = false;
  #canaryEnded: (child: ReapedChild) => void = () => undefined;

  constructor(tell: (event: KeeperEvent) => void) {
    this.#tell = tell;
    process.on('SIGCHLD', () => this.#reap());
    this.#canary = this.#tryForks();
  }

  /** Answers one request; what goes wrong is in the answer. */
  async answer(request: KeeperRequest): Promise<Answer> {
    try {
      return await this.#answer(request);
    } catch (error) {
      return { error: toFailure(request.op, error) };
    }
  }

  /** Who expected a start may be gone. */
  left(): void {
    this.#spares.withdraw();
  }

  async #answer(request: KeeperRequest): Promise<Answer> {
    switch (request.op) {
      case 'hello':
        return { hello: { version: protocolVersion, pid: process.pid } };
      case 'canary':
        return { canary: await this.#canary };
      case 'start':
        return this.#start(request);
      case 'expect':
        this.#spares.begin(request.id, request.root);
        return {};
      case 'signal':
        return this.#with(request.id, held => pidfdSendSignal(held.pidfd, request.signal));
      case 'list':
        return { list: [...this.#held.values()].filter(held => held.running).map(held => held.describe()) };
      case 'adopt':
        return this.#adopt(request);
      case 'forget':
        this.#spares.withdraw(request.id);
        return this.#with(request.id, held => this.#forget(held));
      case 'closeStdin':
        return this.#with(request.id, held => held.closeStdin());
      case 'resize':
        return this.#with(request.id, held => {
          if (held.terminal !== -1) setTerminalSize(held.terminal, request.rows, request.columns);
        });
      case 'stop':
        return this.#stop();
      default:
        return { error: { step: 'request', code: 'ENOSYS', subject: '', detail: 'unknown request' } };
    }
  }

  #with(id: string, act: (held: Held) => void): Answer {
    const held = this.#held.get(id);
    if (held) act(held);
    return {};
  }

  async #start(message: StartMessage): Promise<Answer> {
    if (this.#held.has(message.id)) return { error: failure('start', 'EEXIST', message.id, 'it is held already') };
    const container = message.container === undefined ? undefined : this.#held.get(message.container);
    if (message.container !== undefined && (!container || container.exit))
      return { error: notRunning(message.container) };
    const held = new Held(message);
    this.#held.set(held.id, held);
    this.#underWay++;
    const ended = message.successor === undefined ? undefined : this.#successions.expect(held);
    try {
      held.holdStreams(message.hold);
      const { error, warnings } = await this.#bear(held, message, container);
      if (error) return this.#abandon(held, error);
      await ended;
      const orphaned = message.successor === undefined ? undefined : this.#succeed(held, message.successor);
      if (orphaned) return this.#abandon(held, orphaned);
      if (message.successor !== undefined) held.holdNamespaces();
      held.running = true;
      const started: HeldProcess = held.describe();
      delete started.exit; // told as an event, after the reply
      if (held.exit) setImmediate(() => this.#tellExit(held));
      return { started, warnings };
    } catch (error) {
      return this.#abandon(held, toFailure('fork', error));
    } finally {
      this.#underWay--;
      this.#successions.over(held);
      this.#spares.refillWhenQuiet();
    }
  }

  /** A child that crashes before it is another program, or began otherwise, has done nothing that a second one could not do again. */
  async #bear(held: Held, message: StartMessage, container: Held | undefined, again = true): Promise<Birth> {
    const child = (await this.#spares.take(message, container)) ?? forkChild(message, container?.pidfd);
    held.pid = child.pid;
    held.pidfd = child.pidfd;
    this.#byPid.set(child.pid, held);
    const birth = await this.#followChild(held, child, container);
    const { error } = birth;
    if (error?.code !== 'EKILLED' && error?.step !== begunOtherwise) return birth;
    this.#waitFor(held);
    if (error.step !== begunOtherwise) {
      const { exit } = held;
      error.detail += exit?.signal ? `, by signal ${exit.signal}` : `, with ${exit?.exitCode}`;
      if (!again || !isCrash(exit?.signal)) return birth;
      console.error(`${new Date().toISOString()} ${held.id}: ${error.detail}; trying again`);
    }
    held.renounce();
    return this.#bear(held, message, container, false);
  }

  /** Listens to the child until execve closes its end, or it fails. */
  async #followChild(held: Held, child: ForkedChild, container: Held | undefined): Promise<Birth> {
    const warnings: string[] = [];
    let error: LaunchFailure | undefined;
    let ready = false;
    const { socket } = child;
    if (held.container !== undefined) held.stillborn = () => socket.destroy(); // its sibling may wait for us
    onLines(socket, line => {
      const report = JSON.parse(line) as ChildReport;
      if ('warning' in report) warnings.push(report.warning);
      else if ('ready' in report) {
        ready = true;
        if (!container) held.holdNamespaces(); // while it becomes its program, which may be a short one
      } else if ('failure' in report) error = report.failure;
      else if ('failedErrno' in report) error = lateFailure(report);
      else if ('reborn' in report && container?.exit) {
        error = notRunning(container.id); // and what the child has entered may have been another's already
        socket.destroy();
      } else {
        if ('reborn' in report) this.#replace(held, report.reborn);
        else if ('terminal' in report) held.terminal = pidfdGetfd(held.pidfd, report.terminal);
        socket.write('.');
      }
    });
    await new Promise<void>(resolve => {
      for (const end of ['end', 'close']) socket.on(end, () => resolve());
    });
    if (!ready && !error) error = failure('prepare', 'EKILLED', held.id, 'the child died while it was prepared');
    return { ...(error ? { error } : {}), warnings };
  }

  /** The sibling waits, so it is alive unless somebody has killed it: then there is no process to be held. */
  #replace(held: Held, pid: number): void {
    this.#byPid.delete(held.pid);
    try {
      held.become(pid, pidfdOpen(pid));
      this.#byPid.set(pid, held);
    } catch {
      held.become(0, -1);
    }
  }

  /** The program has ended: what it has left in its place, be it at its end by now, is who is held. */
  #succeed(held: Held, file: string): LaunchFailure | undefined {
    const exitCode = held.exit?.exitCode ?? 0;
    if (exitCode !== 0) return failure('successor', 'ECHILD', held.id, `the program ended with ${exitCode}`);
    const pid = Number(readFileSync(file, 'utf8'));
    const end = this.#successions.endOf(pid);
    if (end) this.#recordExit(held, end);
    else this.#replace(held, pid);
    if (end || isChild(pid)) return undefined;
    if (held.pid !== 0) pidfdSendSignal(held.pidfd, SIGKILL);
    return failure('successor', 'ECHILD', held.id, 'the program has left a child of its own, not of its parent');
  }

  #abandon(held: Held, error: LaunchFailure): Answer {
    this.#waitFor(held);
    this.#held.delete(held.id);
    held.release();
    return { error };
  }

  /** For a child that has failed and is about to be gone. */
  #waitFor(held: Held): void {
    if (held.pid !== 0 && !held.exit) {
      const ended = waitForChild(held.pid);
      if (ended) this.#recordExit(held, ended);
    }
    this.#byPid.delete(held.pid);
  }

  #adopt(request: { id: string; pid: number; startedAt: number }): Answer {
    const held = new Held(request);
    held.pid = request.pid;
    held.pidfd = pidfdOpen(request.pid);
    held.running = true;
    this.#held.set(held.id, held);
    return {};
  }

  #forget(held: Held): void {
    if (!held.exit && !held.adopted) return;
    this.#held.delete(held.id);
    held.release();
    if (held.container === undefined) this.#spares.launchOver(this.#underWay > 0);
  }

  #reap(): void {
    for (let child = reapChild(); child; child = reapChild()) {
      const held = this.#byPid.get(child.pid);
      if (!held) {
        if (!this.#spares.forget(child.pid) && !this.#successions.remember(child)) this.#canaryEnded(child);
        continue;
      }
      if (child.signal !== undefined) held.stillborn?.();
      this.#recordExit(held, child);
      this.#successions.ended(held);
      if (held.running) this.#tellExit(held);
    }
  }

  #recordExit(held: Held, child: ReapedChild): void {
    this.#byPid.delete(held.pid);
    held.end(child);
  }

  #tellExit(held: Held): void {
    if (held.exit) this.#tell({ event: 'exit', id: held.id, ...held.exit });
    if (held.container !== undefined) this.#spares.execOver(this.#underWay > 0);
  }

  async #stop(): Promise<Answer> {
    this.#spares.close();
    for (const held of this.#held.values()) if (!held.exit && held.pid !== 0) pidfdSendSignal(held.pidfd, SIGKILL);
    for (const pid of this.#byPid.keys()) waitForChild(pid);
    setTimeout(() => process.exit(0), 20);
    return {};
  }

  /** What happens to one may be chance; a Node that cannot be forked loses every one. */
  async #tryForks(): Promise<string> {
    await othersAsleep();
    const first = await this.#runCanary();
    const verdict = first === 'ok' ? first : await this.#runCanary();
    this.#forkable = verdict === 'ok';
    if (this.#forkable) this.#spares.refillWhenQuiet();
    return verdict;
  }

  async #runCanary(): Promise<string> {
    const pid = forkCanary();
    if (typeof pid === 'string') return pid;
    const { promise, resolve } = Promise.withResolvers<string>();
    const timer = setTimeout(() => {
      process.kill(pid, SIGKILL);
      resolve('a forked child hangs');
    }, canaryPatienceMs);
    this.#canaryEnded = child => {
      if (child.pid !== pid) return;
      clearTimeout(timer);
      resolve(child.exitCode === canaryExitCode ? 'ok' : `a forked child ended with ${child.exitCode}`);
    };
    return promise;
  }
}
