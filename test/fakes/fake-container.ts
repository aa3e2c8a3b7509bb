import { createHash, randomBytes } from 'node:crypto';
import { PassThrough, Readable, type Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { ContainerId } from '../../contracts/brand.ts';
import type {
  ContainerCreateBody,
  ContainerInspect,
  ContainerSummary,
  NetworkSettings,
} from '../../contracts/docker/containers.ts';
import { conflict, invalidArgument, notFound, notModified } from '../../contracts/errors.ts';
import type { AttachRequest, Container, LogsRequest } from '../../guest-agent/engine/index.ts';
import type { FakeEngine } from './fake-engine.ts';
import { FakeProcess } from './fake-process.ts';

const beginning = '0001-01-01T00:00:00Z';

const networkSettings: NetworkSettings = {
  Bridge: '',
  SandboxID: '',
  SandboxKey: '',
  Ports: {},
  HairpinMode: false,
  LinkLocalIPv6Address: '',
  LinkLocalIPv6PrefixLen: 0,
  SecondaryIPAddresses: null,
  SecondaryIPv6Addresses: null,
  EndpointID: '',
  Gateway: '172.17.0.1',
  GlobalIPv6Address: '',
  GlobalIPv6PrefixLen: 0,
  IPAddress: '172.17.0.2',
  IPPrefixLen: 16,
  IPv6Gateway: '',
  MacAddress: '02:42:ac:11:00:02',
  Networks: {},
};

/** A container in memory. What it runs is a {@link FakeProcess}; its files are a map from path to tar. */
export class FakeContainer implements Container {
  secretEnv: readonly string[] = [];
  readonly id = randomBytes(32).toString('hex') as ContainerId;
  readonly body: ContainerCreateBody;
  readonly archives = new Map<string, Buffer>();
  name: string;
  process: FakeProcess | undefined;
  exitCode = 0;
  paused = false;
  readonly #engine: FakeEngine;
  readonly #created = new Date();
  readonly #waiting = new Set<() => void>();
  readonly #attached: ((process: FakeProcess) => void)[] = [];

  constructor(engine: FakeEngine, name: string, body: ContainerCreateBody) {
    this.#engine = engine;
    this.name = name;
    this.body = body;
  }

  get running(): boolean {
    return this.process !== undefined && !this.process.finished;
  }

  get command(): string[] {
    return [...(this.body.Entrypoint ?? []), ...(this.body.Cmd ?? [])];
  }

  get status(): 'created' | 'running' | 'paused' | 'exited' {
    if (!this.process) return 'created';
    return this.paused ? 'paused' : this.running ? 'running' : 'exited';
  }

  async start(): Promise<void> {
    if (this.running) throw notModified();
    try {
      this.process = new FakeProcess(this.command, this.body.Tty ?? false);
    } catch (error) {
      this.#end(127);
      throw invalidArgument(`failed to create task for container: ${(error as Error).message}: unknown`);
    }
    for (const join of this.#attached.splice(0)) join(this.process);
    this.#engine.tell('container', 'start', this.id, { name: this.name });
    void this.process.exited.then(code => this.#ended(code));
  }

  async #ended(code: number): Promise<void> {
    await new Promise(setImmediate);
    this.#engine.tell('container', 'die', this.id, { name: this.name, exitCode: String(code) });
    this.#end(code);
  }

  #end(code: number): void {
    this.exitCode = code;
    if (this.body.HostConfig?.AutoRemove) this.#engine.forget(this);
    for (const wake of [...this.#waiting]) wake();
  }

  async stop(): Promise<void> {
    if (!this.running) throw notModified();
    await this.kill();
    await this.process?.exited;
  }

  async restart(): Promise<void> {
    if (this.running) await this.stop();
    await this.start();
  }

  async kill(): Promise<void> {
    if (!this.running) throw conflict(`cannot kill container: ${this.name}: container ${this.id} is not running`);
    this.process?.kill();
  }

  async pause(): Promise<void> {
    this.paused = true;
  }

  async unpause(): Promise<void> {
    this.paused = false;
  }

  async removeLink(alias: string): Promise<void> {
    throw notFound(`No such container: ${this.name}/${alias}`);
  }

  async rename(name: string): Promise<void> {
    if (name === '') throw invalidArgument('Neither old nor new names may be empty');
    this.name = name;
  }

  async update(): Promise<{ Warnings: string[] }> {
    return { Warnings: [] };
  }

  async resize(rows: number, columns: number): Promise<void> {
    if (this.process) this.process.size = { rows, columns };
  }

  async remove(options: { force: boolean }): Promise<void> {
    if (this.running && !options.force) throw conflict(`cannot remove container "${this.name}": container is running`);
    this.process?.kill();
    this.#engine.forget(this);
  }

  async wait(condition: string, signal: AbortSignal): Promise<{ StatusCode: number }> {
    const over = condition === 'not-running' && !this.running && this.process !== undefined;
    if (!over) {
      await new Promise<void>(resolve => {
        this.#waiting.add(resolve);
        signal.addEventListener('abort', () => resolve());
      });
    }
    return { StatusCode: this.exitCode };
  }

  logs(options: LogsRequest, signal: AbortSignal) {
    const process = this.process;
    async function* none() {}
    return {
      terminal: this.body.Tty ?? false,
      output: process ? process.output(options.tail === 0 ? process.log.length : 0, options.follow, signal) : none(),
    };
  }

  attach(options: AttachRequest) {
    if (this.process && this.running) return this.process.attach(options);
    return this.#attachLater(options);
  }

  /** Bytes wait for the process, as `docker run` attaches before it starts. */
  #attachLater(options: AttachRequest) {
    const { Tty = false } = this.body;
    const started = new Promise<FakeProcess>(resolve => this.#attached.push(resolve));
    const session = started.then(process => process.attach({ ...options, logs: true }));
    async function* output() {
      yield* (await session).output;
    }
    const input = options.stdin ? lateWritable(session.then(({ input }) => input)) : undefined;
    return { terminal: Tty, output: output(), input, close: () => void session.then(({ close }) => close()) };
  }

  async top() {
    if (!this.running) throw conflict(`container ${this.id} is not running`);
    return { Titles: ['PID', 'CMD'], Processes: [['1', this.command.join(' ')]] };
  }

  async *stats(options: { stream: boolean }, signal: AbortSignal) {
    do {
      yield this.#engine.statsOf(this);
      await new Promise(resolve => setTimeout(resolve, 50));
    } while (options.stream && !signal.aborted);
  }

  async changes() {
    return [{ Path: '/tmp/new', Kind: 1 as const }];
  }

  async export(): Promise<Readable> {
    return Readable.from([Buffer.alloc(1024)]);
  }

  async statPath(path: string) {
    if (!this.archives.has(path)) throw notFound(`Could not find the file ${path} in container ${this.id}`);
    return { name: path.split('/').at(-1) ?? '', size: 3, mode: 0o644, mtime: new Date(0), linkTarget: '' };
  }

  async readArchive(path: string) {
    return { stat: await this.statPath(path), tar: Readable.from([this.archives.get(path) ?? Buffer.alloc(0)]) };
  }

  async writeArchive(path: string, tar: Readable): Promise<void> {
    this.archives.set(path, await buffer(tar));
  }

  async removeInside(path: string): Promise<void> {
    if (!this.archives.delete(path)) throw notFound(`Could not find the file ${path} in container ${this.id}`);
  }

  async commit(request: { repository: string }): Promise<{ Id: string }> {
    return { Id: `sha256:${request.repository}` };
  }

  async createExec(body: { Cmd?: string[]; Tty?: boolean; AttachStdin?: boolean }) {
    if (!this.running) throw conflict(`container ${this.id} is not running`);
    return { Id: this.#engine.addExec(this, body) };
  }

  summary(): ContainerSummary {
    return {
      Id: this.id,
      Names: [`/${this.name}`],
      Image: this.body.Image ?? '',
      ImageID: `sha256:${createHash('sha256')
        .update(this.body.Image ?? '')
        .digest('hex')}`,
      Command: this.command.join(' '),
      Created: Math.floor(this.#created.getTime() / 1000),
      Ports: [],
      Labels: this.body.Labels ?? {},
      State: this.status,
      Status: this.running ? 'Up 1 second' : `Exited (${this.exitCode}) 1 second ago`,
      HostConfig: { NetworkMode: 'bridge' },
      NetworkSettings: { Networks: {} },
      Mounts: [],
    };
  }

  async inspect(): Promise<ContainerInspect> {
    const [Path = '', ...Args] = this.command;
    return {
      Id: this.id,
      Created: this.#created.toISOString(),
      Path,
      Args,
      State: {
        Status: this.status,
        Running: this.running,
        Paused: this.paused,
        Restarting: false,
        OOMKilled: false,
        Dead: false,
        Pid: this.running ? 42 : 0,
        ExitCode: this.exitCode,
        Error: '',
        StartedAt: beginning,
        FinishedAt: beginning,
      },
      Image: this.summary().ImageID,
      ResolvConfPath: '',
      HostnamePath: '',
      HostsPath: '',
      LogPath: '',
      Name: `/${this.name}`,
      RestartCount: 0,
      Driver: 'overlay2',
      Platform: 'linux',
      MountLabel: '',
      ProcessLabel: '',
      AppArmorProfile: '',
      ExecIDs: null,
      HostConfig: this.body.HostConfig ?? {},
      GraphDriver: { Name: 'overlay2', Data: null },
      Mounts: [],
      Config: {
        ...this.body,
        Env: this.body.Env ?? null,
        Cmd: this.body.Cmd ?? null,
        Entrypoint: this.body.Entrypoint ?? null,
        Volumes: null,
        OnBuild: null,
        Labels: this.body.Labels ?? {},
      },
      NetworkSettings: networkSettings,
    };
  }
}

/** Keeps what is written until the real stream is there. */
function lateWritable(target: Promise<Writable | undefined>): Writable {
  const early = new PassThrough();
  void target.then(stream => stream && early.pipe(stream));
  return early;
}
