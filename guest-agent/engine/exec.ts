import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecId } from '../../contracts/brand.ts';
import type { HostConfig } from '../../contracts/docker/containers.ts';
import type { ExecCreateBody, ExecInspect } from '../../contracts/docker/exec.ts';
import { conflict, type EngineError, internal, invalidArgument, notFound } from '../../contracts/errors.ts';
import type { RuntimeProcess } from '../../contracts/oci/runtime-spec.ts';
import type { ContainerOutput, OutputChunk } from '../logs/index.ts';
import type { RunningProcess, StdioSpec } from '../runtime/index.ts';
import { readAccountFiles } from './account-files.ts';
import { chosenCapabilities } from './capabilities.ts';
import { environmentOf, withVariables } from './config.ts';
import { confinedBy, seccompFilterFor } from './confinement.ts';
import type { ContainerActor } from './container.ts';
import type { EngineContext } from './context.ts';
import { parseDetachKeys } from './detach-keys.ts';
import type { AttachSession, Exec } from './engine.ts';
import { execDirectory } from './exec-directory.ts';
import { ExecSpent } from './exec-spent.ts';
import { type InputSink, openFifoInput, openTerminalInput } from './input.ts';
import type { Live } from './launch.ts';
import { execFailure, exitCodeOf } from './launch-error.ts';
import { withLinkVariables } from './links.ts';
import { outputEnd } from './output-end.ts';
import { capabilitySets, privilegedCapabilities, withHome } from './runtime-spec.ts';
import { parseSecurityOptions } from './security-options.ts';
import { Streams } from './streams.ts';
import { resolveUser } from './user.ts';
import { remapOf, rootOutside } from './user-remap.ts';

/** How long a finished exec can still be inspected, as dockerd keeps them. */
const rememberedMs = 5 * 60_000;
const SIGKILL = 9;

/** Every exec that was created and is not yet forgotten. */
export class ExecIndex {
  readonly #execs = new Map<string, ExecActor>();

  add(exec: ExecActor): void {
    this.#execs.set(exec.id, exec);
  }

  /** @throws not-found */
  get(id: string): ExecActor {
    const exec = this.#execs.get(id);
    if (!exec) throw notFound(`No such exec instance: ${id}`);
    return exec;
  }

  delete(id: string): void {
    this.#execs.delete(id);
  }
}

/** @throws internal, as dockerd does */
function checkDetachKeys(keys: string | undefined): void {
  try {
    parseDetachKeys(keys || 'ctrl-p,ctrl-q');
  } catch (cause) {
    throw internal(`Invalid escape keys (${keys}) provided`, { cause });
  }
}

/** A user who is not there is an answer, not output. @throws in Docker's words */
function checkUser({ process }: Live, user: string | undefined): void {
  if (!user) return;
  const files = readAccountFiles(`/proc/${process.pid}/root`);
  resolveUser(user, files.passwd, files.group);
}

/** As Docker's events tell it: a program without arguments is followed by a space, too. */
function commandText({ Cmd }: ExecCreateBody): string {
  const [program = '', ...args] = Cmd ?? [];
  return `${program} ${args.join(' ')}`;
}

/** POST /containers/{ref}/exec. @throws conflict when nothing runs there, invalid-argument without a command */
export function createExec(container: ContainerActor, body: ExecCreateBody, context: EngineContext): ExecActor {
  if (container.status === 'paused') {
    throw conflict(`Container ${container.name} is paused, unpause the container before exec`);
  }
  const live = container.running();
  const [command] = body.Cmd ?? [];
  if (command === undefined) throw invalidArgument('No exec command specified');
  checkDetachKeys(body.DetachKeys);
  checkUser(live, body.User);
  const exec = new ExecActor(container, body, context);
  context.execs.add(exec);
  container.execIds.add(exec.id);
  container.emit(`exec_create: ${commandText(body)}`, { execID: exec.id });
  return exec;
}

type ExecState =
  | { status: 'created' }
  | { status: 'starting' }
  | { status: 'running'; process: RunningProcess }
  | { status: 'exited'; exitCode: number };

/** A further process in a running container. Nothing of it survives the engine but the process itself. */
export class ExecActor implements Exec {
  readonly id = randomBytes(32).toString('hex') as ExecId;
  readonly #container: ContainerActor;
  readonly #body: ExecCreateBody;
  readonly #context: EngineContext;
  readonly #streams = new Streams();
  #state: ExecState = { status: 'created' };
  /** Nobody but the engine asks how it ended. */
  #isOurs = false;

  constructor(container: ContainerActor, body: ExecCreateBody, context: EngineContext) {
    this.#container = container;
    this.#body = body;
    this.#context = context;
  }

  inspect(): ExecInspect {
    const body = this.#body;
    const [entrypoint = '', ...args] = body.Cmd ?? [];
    const state = this.#state;
    return {
      ID: this.id,
      Running: state.status === 'running',
      ExitCode: state.status === 'exited' ? state.exitCode : null,
      ProcessConfig: {
        tty: body.Tty ?? false,
        entrypoint,
        arguments: args,
        privileged: body.Privileged ?? false,
        ...(body.User ? { user: body.User } : {}),
      },
      OpenStdin: body.AttachStdin ?? false,
      OpenStderr: body.AttachStderr ?? false,
      OpenStdout: body.AttachStdout ?? false,
      CanRemove: state.status === 'exited',
      ContainerID: this.#container.id,
      DetachKeys: '',
      Pid: state.status === 'running' ? state.process.pid : 0,
    };
  }

  async start(options: {
    detach: boolean;
    terminal: boolean;
    size?: { rows: number; columns: number };
  }): Promise<AttachSession | undefined> {
    this.#assertStartable();
    this.#state = { status: 'starting' };
    const size = options.size ?? consoleSizeOf(this.#body);
    const session = options.detach ? undefined : this.#attach();
    try {
      await this.#launch(size);
      return session;
    } catch (error) {
      const failure = this.#failed(error);
      if (!session) throw failure;
      return failedSession(session, failure.message);
    }
  }

  /**
   * Runs it for the engine itself, which ends it by `signal`. Returns the exit code.
   * @throws what kept it from starting
   */
  async run(onOutput: (data: Buffer) => void, signal: AbortSignal): Promise<number> {
    this.#assertStartable();
    this.#state = { status: 'starting' };
    this.#isOurs = true;
    const session = this.#attach();
    await this.#launch(undefined).catch(error => {
      throw this.#failed(error);
    });
    const end = (): void => {
      if (this.#state.status === 'running') this.#state.process.signal(SIGKILL);
      session.close();
    };
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    for await (const { data } of session.output) onOutput(data);
    signal.removeEventListener('abort', end);
    return this.inspect().ExitCode ?? -1;
  }

  #failed(error: unknown): EngineError {
    const failure = execFailure(error, this.#body.Cmd?.[0] ?? '');
    this.#finish(exitCodeOf(failure.message));
    return failure;
  }

  async resize(rows: number, columns: number): Promise<void> {
    if (this.#state.status !== 'running') throw conflict(`exec process is not running`);
    this.#state.process.resize(rows, columns);
  }

  /** @throws conflict, ExecSpent */
  #assertStartable(): void {
    if (this.#container.status === 'paused') {
      throw conflict(`Container ${this.#container.id} is paused, unpause the container before exec`);
    }
    this.#container.running();
    if (this.#state.status === 'exited') throw new ExecSpent(this.id, 'has already run');
    if (this.#state.status !== 'created') throw new ExecSpent(this.id, 'is already running');
  }

  /** Before the launch: what the process says first is not lost. */
  #attach(): AttachSession {
    const body = this.#body;
    return this.#streams.attach({
      stdin: body.AttachStdin ?? false,
      stdout: body.AttachStdout ?? false,
      stderr: body.AttachStderr ?? false,
      terminal: body.Tty ?? false,
      detachKeys: body.DetachKeys,
      endsInput: true,
      onDetach: () => this.#container.emit('exec_detach', { execID: this.id }),
    });
  }

  async #launch(size: { rows: number; columns: number } | undefined): Promise<void> {
    const live = this.#container.running();
    const { hostConfig } = this.#container.record;
    const remap = remapOf(hostConfig, this.#context.options.remap);
    const directory = join(execDirectory(this.#context.options.execRoot, this.#container.id), this.id);
    const description = this.#describe(live);
    if (!description.cwd.startsWith('/')) {
      throw internal('OCI runtime exec failed: exec failed: Cwd must be an absolute path');
    }
    const stdio = this.#stdio(directory, description, size);
    this.#container.emit(`exec_start: ${commandText(this.#body)}`, { execID: this.id });
    const process = await this.#context.rooms.runtime.exec({
      id: this.id,
      container: this.#container.id,
      containerPid: live.process.pid,
      process: description,
      ...(remap ? { userNamespaceRoot: rootOutside(remap).uid } : {}),
      stdio,
      cgroup: live.cgroup.join(),
      seccompFilter: seccompFilterFor(hostConfig, chosenFor(hostConfig), this.#context.usualSeccomp),
    });
    this.#state = { status: 'running', process };
    const source = stdio.terminal ? { terminalFd: process.openTerminal() } : stdio;
    const output = this.#context.rooms.logs.openStream(source);
    output.subscribe(chunk => this.#streams.broadcast(chunk));
    this.#streams.opened(inputFor(process, stdio));
    void this.#watch(process, output, directory);
  }

  /** The exit is told when the output has ended: whoever reads the stream to its end finds the exit code. */
  async #watch(process: RunningProcess, output: ContainerOutput, directory: string): Promise<void> {
    const status = await process.exited;
    await outputEnd(output);
    this.#finish(status.exitCode);
    this.#container.emit('exec_die', { execID: this.id, exitCode: String(status.exitCode) });
    rmSync(directory, { recursive: true, force: true });
    this.#context.rooms.runtime.forget(this.id);
  }

  #finish(exitCode: number): void {
    this.#state = { status: 'exited', exitCode };
    this.#streams.ended();
    this.#container.execIds.delete(this.id);
    if (this.#isOurs) this.#context.execs.delete(this.id);
    else setTimeout(() => this.#context.execs.delete(this.id), rememberedMs).unref();
  }

  #describe(live: Live): RuntimeProcess {
    const { config, hostConfig } = withLinkVariables(this.#container.record, this.#context);
    const body = this.#body;
    const files = readAccountFiles(`/proc/${live.process.pid}/root`);
    const user = resolveUser(body.User || config.User || '', files.passwd, files.group);
    const chosen = chosenFor(hostConfig);
    const environment = environmentOf({ ...config, Tty: body.Tty }, config.Hostname ?? '');
    return {
      terminal: body.Tty ?? false,
      user: { uid: user.uid, gid: user.gid, additionalGids: [...new Set([user.gid, ...user.additionalGids])] },
      args: body.Cmd ?? [],
      env: withHome(withVariables(environment, body.Env ?? []), user.home),
      cwd: body.WorkingDir || config.WorkingDir || '/',
      capabilities: body.Privileged ? privilegedCapabilities(user.uid) : capabilitySets(chosen, user.uid),
      noNewPrivileges: parseSecurityOptions(hostConfig).noNewPrivileges,
      apparmorProfile: confinedBy(hostConfig),
      oomScoreAdj: hostConfig.OomScoreAdj ?? 0,
    };
  }

  #stdio(directory: string, process: RuntimeProcess, size: { rows: number; columns: number } | undefined): StdioSpec {
    if (this.#body.Tty) return { terminal: true, ...(size ? { size } : {}) };
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const outside = rootOutside(remapOf(this.#container.record.hostConfig, this.#context.options.remap));
    const owner = { uid: outside.uid + process.user.uid, gid: outside.gid + process.user.gid };
    return {
      terminal: false,
      ...this.#context.rooms.logs.createFifos(directory, owner, this.#body.AttachStdin ?? false),
    };
  }
}

/** The capabilities of the container; those of a privileged exec do not change its filter. */
const chosenFor = ({ CapAdd, CapDrop, Privileged }: HostConfig): string[] =>
  chosenCapabilities({ add: CapAdd ?? [], drop: CapDrop ?? [], privileged: Privileged ?? false });

const consoleSizeOf = (body: ExecCreateBody): { rows: number; columns: number } | undefined => {
  const [rows = 0, columns = 0] = body.ConsoleSize ?? [];
  return rows > 0 && columns > 0 ? { rows, columns } : undefined;
};

/** dockerd has taken the connection over by then: the reason comes as the process's output. */
function failedSession(session: AttachSession, message: string): AttachSession {
  async function* output(): AsyncGenerator<OutputChunk> {
    yield { stream: 'stdout', data: Buffer.from(`${message}\r\n`), time: new Date() };
  }
  return { ...session, output: output() };
}

function inputFor(process: RunningProcess, stdio: StdioSpec): InputSink | undefined {
  if (stdio.terminal) return openTerminalInput(process.openTerminal());
  return stdio.stdin ? openFifoInput(stdio.stdin, () => process.closeStdin()) : undefined;
}
