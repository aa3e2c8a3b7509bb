import { mkdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../../base/log.ts';
import { unavailable } from '../../contracts/errors.ts';
import type { HeldExit, HeldProcess, KeeperEvent, StartMessage } from '../keeper/protocol.ts';
import type { CheckpointRequest, ExecRequest, LaunchRequest, RunningProcess, Runtime, StdioSpec } from './contract.ts';
import { LaunchError } from './contract.ts';
import { KeeperClient } from './keeper-client.ts';
import { execPlan, type LaunchPlan, launchPlan, overlayStep, type PlanContext } from './launch-plan.ts';
import { planBytes, planContext } from './plan-file.ts';
import { ContainerProcess } from './running-process.ts';

export interface RuntimeOptions {
  /** A directory of a tmpfs: socket, plans and FIFOs live here. */
  execRoot: string;
  /** Argument vector of the keeper: see {@link keeperProgram}. */
  keeperProgram: string[];
  log: Log;
}

/** Starts the keeper of `execRoot` when none answers, and a new one whenever it dies. @throws Error when that fails */
export async function openRuntime(options: RuntimeOptions): Promise<Runtime> {
  const runtime = new KeeperRuntime(options);
  await runtime.connect();
  return runtime;
}

class KeeperRuntime implements Runtime {
  readonly #options: RuntimeOptions;
  readonly #log: Log;
  readonly #context: PlanContext;
  readonly #processes = new Map<string, ContainerProcess>();
  /** Exits told before the reply that announces their process was worked off. */
  readonly #early = new Map<string, HeldExit>();
  /** Of forgotten processes: what the kernel is still taking down. */
  readonly #goingDown = new Map<string, Promise<void>>();
  #keeper: KeeperClient | undefined;
  #reconnecting: Promise<void> | undefined;
  #lostAt: Date | undefined;
  #closed = false;

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#log = options.log.child('runtime');
    const mountPoint = join(options.execRoot, 'rootfs');
    mkdirSync(mountPoint, { recursive: true, mode: 0o711 });
    this.#context = planContext(mountPoint);
  }

  async connect(): Promise<void> {
    const { execRoot, keeperProgram } = this.#options;
    const keeper = await KeeperClient.open({ execRoot, program: keeperProgram, log: this.#log });
    keeper.listen({ exit: event => this.#onExit(event), lost: () => this.#onLost() });
    this.#keeper = keeper;
    void keeper.canary.then(verdict => {
      if (verdict !== 'ok') this.#log.error(cannotStart(verdict));
    });
  }

  expectLaunch({ id, rootfs }: Pick<LaunchRequest, 'id' | 'rootfs'>): void {
    const { cgroups } = this.#context;
    const isBornInCgroup = cgroups.version === 2 && !cgroups.cheapMoves; // no child that waits can be
    if ('directory' in rootfs || isBornInCgroup || this.#goingDown.has(id)) return;
    this.#keeper?.tell({ op: 'expect', id, root: overlayStep(rootfs, this.#context.mountPoint) });
  }

  async launch(request: LaunchRequest): Promise<RunningProcess> {
    await this.#goingDown.get(request.id);
    if (request.checkpoint !== undefined) return this.#restore(request, request.checkpoint);
    const plan = launchPlan(request, this.#context);
    return this.#start(request, join('containers', request.id), plan, {});
  }

  async #restore(request: LaunchRequest, checkpoint: string): Promise<RunningProcess> {
    const { prepareRestore, restoreFailure } = await import('./checkpoint.ts'); // loaded when it is asked for
    const folder = join('containers', request.id);
    const work = join(this.#options.execRoot, folder);
    const plan = prepareRestore(request, { checkpoint, work }, this.#context);
    try {
      return await this.#start(request, folder, plan, {});
    } catch (error) {
      throw restoreFailure(error, work);
    }
  }

  async checkpoint(request: CheckpointRequest): Promise<void> {
    const { dump } = await import('./checkpoint.ts');
    await dump(request);
  }

  exec(request: ExecRequest): Promise<RunningProcess> {
    const { container } = request;
    return this.#start(request, join('containers', container, `exec-${request.id}`), execPlan(request), { container });
  }

  async #start(
    request: LaunchRequest | ExecRequest,
    folder: string,
    { steps, ...birth }: LaunchPlan,
    join_: { container?: string },
  ): Promise<ContainerProcess> {
    const { id, stdio, failAtStep } = request;
    const keeper = await this.#connected();
    const verdict = await keeper.canary;
    if (verdict !== 'ok') throw unavailable(cannotStart(verdict));
    const directory = join(this.#options.execRoot, folder);
    mkdirSync(directory, { recursive: true, mode: 0o711 });
    const plan = join(directory, 'plan');
    writeFileSync(plan, planBytes(steps, request.seccompFilter), { mode: 0o600 });
    const hold = holdOf(stdio);
    const message: StartMessage = { op: 'start', id, plan, ...birth, ...join_, hold };
    try {
      const reply = await keeper.request(failAtStep === undefined ? message : { ...message, failAtStep });
      for (const warning of reply.warnings ?? []) this.#log.warn(warning, { id });
      if (reply.error || !reply.started) throw toLaunchError(reply.error);
      return this.#hold(reply.started, keeper);
    } finally {
      setImmediate(() => this.#removePlan(plan)); // it holds the environment, and with it secrets
    }
  }

  /** Unlike `rmSync` it does not look first. */
  #removePlan(path: string): void {
    try {
      unlinkSync(path);
    } catch (error) {
      // It may have gone with its folder.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#log.warn('a plan stays', { path, error });
    }
  }

  #hold(held: HeldProcess, keeper: KeeperClient): ContainerProcess {
    const { id } = held;
    const process = new ContainerProcess(
      held,
      fd => keeper.duplicate(fd),
      () => this.#keeper?.tell({ op: 'closeStdin', id }),
    );
    this.#processes.set(id, process);
    const exit = held.exit ?? this.#early.get(id);
    this.#early.delete(id);
    if (exit) process.ended(exit);
    else if (held.adopted) process.watch();
    return process;
  }

  async reattach(): Promise<RunningProcess[]> {
    const keeper = await this.#connected();
    const { list = [] } = await keeper.request({ op: 'list' });
    return list.map(held => this.#processes.get(held.id) ?? this.#hold(held, keeper));
  }

  forget(id: string): void {
    const process = this.#processes.get(id);
    this.#processes.delete(id);
    this.#early.delete(id);
    const forgotten = this.#keeper?.request({ op: 'forget', id });
    if (process) this.#goingDown.set(id, this.#takeDown(process, forgotten));
  }

  async #takeDown(process: ContainerProcess, forgotten: Promise<unknown> | undefined): Promise<void> {
    await forgotten;
    await process.release();
    this.#goingDown.delete(process.id);
  }

  async status(): ReturnType<Runtime['status']> {
    return {
      keeperPid: this.#keeper?.pid ?? 0,
      canary: (await this.#keeper?.canary) ?? 'there is no keeper',
      ...(this.#lostAt ? { keeperLostAt: this.#lostAt } : {}),
    };
  }

  async close({ stopKeeper }: { stopKeeper: boolean }): Promise<void> {
    this.#closed = true;
    await this.#reconnecting;
    if (stopKeeper) await this.#keeper?.request({ op: 'stop' });
    this.#keeper?.close();
    const released = [...this.#processes.values()].map(process => process.release());
    this.#processes.clear();
    await Promise.all([...released, ...this.#goingDown.values()]);
  }

  async #connected(): Promise<KeeperClient> {
    await this.#reconnecting;
    if (!this.#keeper) throw new LaunchError('keeper', 'ECONNREFUSED', this.#options.execRoot, 'no keeper');
    return this.#keeper;
  }

  #onExit(event: KeeperEvent): void {
    const process = this.#processes.get(event.id);
    if (process) process.ended(event);
    else this.#early.set(event.id, event);
  }

  /** The containers go on without their keeper; a new one must be able to enter them. */
  #onLost(): void {
    this.#keeper = undefined;
    if (this.#closed) return;
    this.#lostAt = new Date();
    this.#log.error('the keeper died; starting another');
    for (const process of this.#processes.values()) process.watch();
    this.#reconnecting = this.#replaceKeeper().finally(() => {
      this.#reconnecting = undefined;
    });
  }

  async #replaceKeeper(): Promise<void> {
    try {
      await this.connect();
      for (const { id, pid, alive, startedAt } of this.#processes.values())
        if (alive) await this.#keeper?.request({ op: 'adopt', id, pid, startedAt: startedAt.getTime() });
    } catch (error) {
      this.#log.error('no keeper can be started', { error });
    }
  }
}

/** What a container would die of later, and less clearly. */
const cannotStart = (verdict: string): string =>
  `containers cannot be started by Node ${process.version} on Linux ${release()}: ${verdict}; \`berth doctor\` tells what to do`;

function holdOf(stdio: StdioSpec): StartMessage['hold'] {
  if (stdio.terminal) return { write: null, read: [] };
  return { write: stdio.stdin, read: [stdio.stdout, stdio.stderr].filter(path => path !== null) };
}

function toLaunchError(
  error: { step: string; code: string; subject: string; detail: string } | undefined,
): LaunchError {
  const { step, code, subject, detail } = error ?? { step: 'keeper', code: 'EPROTO', subject: '', detail: 'no answer' };
  return new LaunchError(step, code, subject, detail);
}
