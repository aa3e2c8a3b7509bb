import type { Writable } from 'node:stream';
import type { Log } from '../../base/log.ts';
import type { ContainerRef } from '../../contracts/brand.ts';
import type { AuthConfig } from '../../contracts/docker/common.ts';
import type { ContainerCreateBody, HostConfig } from '../../contracts/docker/containers.ts';
import type { Digest } from '../../contracts/oci/digest.ts';
import type { Platform } from '../../contracts/oci/image-spec.ts';
import type { Reference } from '../../contracts/oci/reference.ts';
import type { Archive } from '../archive/index.ts';
import type { Image, Images } from '../images/index.ts';
import type { Networks } from '../networks/index.ts';
import type { Registry } from '../registry/index.ts';
import type { Snapshots } from '../snapshots/index.ts';
import type { AgentCall } from './agent-socket.ts';
import type { FileTree } from './file-tree.ts';

/** What of a container a RUN step needs: it is one, by the same launch as all others. */
export interface StepContainer {
  readonly id: string;
  /** Variables for its process alone: they are on no disk, and nobody who inspects it sees them. */
  secretEnv: readonly string[];
  start(): Promise<void>;
  kill(signal: string | undefined): Promise<void>;
  wait(condition: 'next-exit', signal: AbortSignal): Promise<{ StatusCode: number }>;
  attach(options: { stdin: boolean; stdout: boolean; stderr: boolean; stream: boolean; logs: boolean }): {
    readonly output: AsyncIterable<{ stream: 'stdout' | 'stderr'; data: Buffer }>;
    /** Undefined unless it was asked for. */
    readonly input: Writable | undefined;
    close(): void;
  };
  remove(options: { force: boolean; volumes: boolean; link: boolean }): Promise<void>;
}

export interface StepContainers {
  list(query: { all: boolean; filters: Record<string, string[]> }): Promise<{ Id?: string }[]>;
  create(request: { body: ContainerCreateBody }): Promise<{ Id: string }>;
  getByRef(ref: ContainerRef): StepContainer;
}

export interface BuilderOptions {
  /** Results of steps and cache mounts live here. */
  root: string;
  /** A tmpfs, for secrets. */
  execRoot: string;
  images: Images;
  snapshots: Snapshots;
  archive: Archive;
  registry: Pick<Registry, 'download' | 'request' | 'repository'>;
  containers: StepContainers;
  networks: Pick<Networks, 'hostGateways'>;
  /** Number of `user[:group]` by the files of a root. @throws invalid-argument */
  resolveOwner(spec: string, rootPath: string): { uid: number; gid: number };
  emit(news: { type: 'image'; action: string; id: string; attributes: Readonly<Record<string, string>> }): void;
  /** daemon.json's `builder`, asked each time. */
  settings(): Readonly<Record<string, unknown>> | undefined;
  log: Log;
}

/** How a build is asked for, whichever door it came through. */
export interface BuildRequest {
  target: string | undefined;
  args: Readonly<Record<string, string>>;
  labels: Readonly<Record<string, string>>;
  noCache: boolean;
  /** Names of stages that run anew. */
  noCacheFilter: readonly string[];
  pull: boolean;
  /** `linux/arm64`; absent: the engine's own. */
  platform: string | undefined;
  /** Limits, networks, hosts of RUN's containers. */
  host: HostConfig;
  /** The client allows steps the host's network. */
  hostNetwork: boolean;
  /** `SOURCE_DATE_EPOCH`: nothing that the build makes is younger; a build is the same to the byte each time. */
  epoch: Date | undefined;
  /** Stages one after another, for a client that shows them so. */
  serial: boolean;
  /** Steps say for which platform they are: the build is one of several. */
  showsPlatform: boolean;
}

/** Where a build's files come from. */
export interface BuildInput {
  dockerfile(): Promise<{ name: string; source: string }>;
  /** The files of the context that are not ignored. */
  context(): Promise<FileTree>;
  /** `--build-context name=…`: files, or another name of an image. */
  named(name: string): Promise<FileTree | string | undefined>;
  auth(host: string): Promise<AuthConfig | undefined>;
  /** Patterns of what the context leaves out, where they are known apart from it. */
  ignored?(): Promise<readonly string[]>;
  secret(id: string): Promise<Buffer | undefined>;
  /** Whatever of it is still open, any number of times. */
  close?(): void;
  /** Connects to the client's SSH agent of that name; undefined when it forwards none. */
  agent(id: string): Promise<(() => AgentCall) | undefined>;
}

/** Results of steps that others keep, and who wants to know those of this build. */
export interface StepExchange {
  /** What a step has made elsewhere, brought here. */
  find(key: string): Promise<Image | undefined>;
  /** What a step has made, whichever cache it is from. */
  known(key: string, image: Image): void;
  /** What the build's own image is to say of that, besides an image's usual words. */
  wordsFor(result: Image | undefined): Record<string, string>;
}

/** A step of a build as a client shows it. */
export interface StepNews {
  /** `[2/4] RUN echo hi` */
  name: string;
  /** The instruction alone. */
  text: string;
  /** Where in the Dockerfile; absent for the builder's own steps. */
  line: number | undefined;
  /** Of a client's own graph: what it calls the operation, and those that it needs. */
  vertex?: { digest: string; inputs: readonly string[] };
}

/** One step while it is under way; exactly one of `done` and `failed` ends it. */
export interface StepWatcher {
  /** A container of its own runs it. */
  running(containerId: string): void;
  output(stream: 'stdout' | 'stderr', data: Buffer): void;
  /** How far a transfer is: `current` of `total` bytes. */
  status(id: string, current: number, total?: number): void;
  done(outcome: { cached: boolean; imageId?: string }): void;
  failed(error: unknown): void;
}

/** An image that a build began with, or took files from. */
export interface Material {
  reference: Reference;
  platform: Platform;
  /** What its registry calls it; undefined for one that was made here. */
  digest: Digest | undefined;
}

/** Who is told of a build's steps. */
export interface BuildWatcher {
  step(news: StepNews): StepWatcher;
  /** An instruction begins that may be no step: the classic door tells each. */
  instruction?(text: string, total: number): void;
  /** …and what the image would be called by now. */
  instructionDone?(imageId: string, cached: boolean): void;
  warning(warning: BuildWarning): void;
  used?(material: Material): void;
}

const silentStep: StepWatcher = {
  running: () => undefined,
  output: () => undefined,
  status: () => undefined,
  done: () => undefined,
  failed: () => undefined,
};

/** For builds that keep to themselves. */
export const noExchange: StepExchange = {
  find: async () => undefined,
  known: () => undefined,
  wordsFor: () => ({}),
};

/** For whom nothing is told. */
export const silentWatcher: BuildWatcher = { step: () => silentStep, warning: () => undefined };

/** What the linter found. */
export interface BuildWarning {
  /** BuildKit's name of the rule. */
  rule: string;
  message: string;
  line: number;
  endLine: number;
}
