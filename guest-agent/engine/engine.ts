import type { Readable, Writable } from 'node:stream';
import type { ContainerId, ContainerRef, ExecId } from '../../contracts/brand.ts';
import type { AuthConfig, JsonMessage } from '../../contracts/docker/common.ts';
import type {
  ContainerChange,
  ContainerConfig,
  ContainerCreateBody,
  ContainerCreateResponse,
  ContainerInspect,
  ContainerPruneReport,
  ContainerSummary,
  ContainerTop,
  ContainerUpdateBody,
  ContainerWaitResponse,
} from '../../contracts/docker/containers.ts';
import type { EventMessage } from '../../contracts/docker/events.ts';
import type { ExecCreateBody, ExecInspect } from '../../contracts/docker/exec.ts';
import type {
  DistributionInspect,
  HistoryItem,
  ImageDeleteItem,
  ImageInspect,
  ImagePruneReport,
  ImageSearchResult,
  ImageSummary,
  RepositoryTags,
} from '../../contracts/docker/images.ts';
import type {
  NetworkConnectBody,
  NetworkCreateBody,
  NetworkCreateResponse,
  NetworkDisconnectBody,
  NetworkInspect,
  NetworkPruneReport,
} from '../../contracts/docker/networks.ts';
import type { StatsDocument } from '../../contracts/docker/stats.ts';
import type {
  AuthResponse,
  BuildCacheRecord,
  DiskUsage,
  SystemInfo,
  VersionDocument,
} from '../../contracts/docker/system.ts';
import type {
  VolumeCreateBody,
  VolumeDocument,
  VolumeList,
  VolumePruneReport,
} from '../../contracts/docker/volumes.ts';
import type { PathStat } from '../archive/index.ts';
import type { OutputChunk } from '../logs/index.ts';
import type { SearchRequest } from './image-search.ts';
import type { ImportRequest } from './import.ts';

/** Filters as every list, prune and event request carries them: key → wanted values. */
export type Filters = Readonly<Record<string, readonly string[]>>;

/** All that the API may ask of the engine; documents are Docker's, errors are `EngineError`s. */
export interface Engine {
  /** Docker's experimental features are there. */
  readonly experimental: boolean;
  readonly containers: ContainersService;
  readonly checkpoints: CheckpointsService;
  readonly execs: { /** @throws not-found `No such exec instance: x` */ get(id: string): Exec };
  readonly images: ImagesService;
  readonly networks: NetworksService;
  readonly volumes: VolumesService;
  readonly events: EventsService;
  readonly system: SystemService;
  /** Ends what the engine holds; with `stopContainers` they get their stop signal and `graceSeconds`, else they go on. */
  close(options: { stopContainers: boolean; graceSeconds: number }): Promise<void>;
}

export interface ContainersService {
  list(query: { all?: boolean; limit?: number; size?: boolean; filters?: Filters }): Promise<ContainerSummary[]>;
  create(request: { name?: string; body: ContainerCreateBody; platform?: string }): Promise<ContainerCreateResponse>;
  /** @throws not-found `No such container: x`; invalid-argument when a prefix is ambiguous */
  getByRef(ref: ContainerRef): Container;
  prune(filters: Filters): Promise<ContainerPruneReport>;
}

/** A checkpoint of a container; an empty folder is the container's own. */
export interface CheckpointPlace {
  name: string;
  folder: string;
}

export interface CheckpointsService {
  /** With `exit` the container ends once it is written down. @throws not-implemented without CRIU */
  create(ref: ContainerRef, request: CheckpointPlace & { exit: boolean }): Promise<void>;
  list(ref: ContainerRef, folder: string): string[];
  remove(ref: ContainerRef, place: CheckpointPlace): void;
}

export type WaitCondition = 'not-running' | 'next-exit' | 'removed';

export interface LogsRequest {
  stdout: boolean;
  stderr: boolean;
  follow: boolean;
  /** Lines from the end; absent means all. */
  tail?: number;
  since?: Date;
  until?: Date;
  /** Each line starts with its RFC 3339 time. */
  timestamps: boolean;
  /** Each line starts with the labels and variables chosen by `--log-opt`. */
  details: boolean;
}

export interface AttachRequest {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  /** Live output from now on. */
  stream: boolean;
  /** What was written before, first. */
  logs: boolean;
  /** As `ctrl-p,ctrl-q`; absent means that default. */
  detachKeys?: string;
}

export interface CommitRequest {
  /** Empty: the image gets no name. */
  repository: string;
  tag?: string;
  comment: string;
  author: string;
  /** The container stands still meanwhile. */
  pause: boolean;
  /** Instructions of a Dockerfile that change the config. */
  changes: readonly string[];
  /** What the image shall say otherwise than the container. */
  config: ContainerConfig;
}

/** One container. What acts is queued in its mailbox; `inspect`, `kill` and `wait` never wait there. */
export interface Container {
  readonly id: ContainerId;
  inspect(options: { size: boolean }): Promise<ContainerInspect>;
  /** Goes on from a checkpoint, if one is given. @throws not-modified when it runs already */
  start(from?: CheckpointPlace): Promise<void>;
  /** Variables for its process alone: they are on no disk, and nobody who inspects it sees them. */
  secretEnv: readonly string[];
  /** @throws not-modified when it does not run */
  stop(options: { signal?: string; timeoutSeconds?: number }): Promise<void>;
  restart(options: { signal?: string; timeoutSeconds?: number }): Promise<void>;
  kill(signal: string | undefined): Promise<void>;
  pause(): Promise<void>;
  unpause(): Promise<void>;
  rename(name: string): Promise<void>;
  /** Forgets a link that the container was made with, by its alias. @throws not-found */
  removeLink(alias: string): Promise<void>;
  update(body: ContainerUpdateBody): Promise<{ Warnings: string[] | null }>;
  resize(rows: number, columns: number): Promise<void>;
  remove(options: { force: boolean; volumes: boolean; link: boolean }): Promise<void>;
  /** Registered before the call returns its promise: `docker run` waits before it starts. */
  wait(condition: WaitCondition, signal: AbortSignal): Promise<ContainerWaitResponse>;
  logs(options: LogsRequest, signal: AbortSignal): { terminal: boolean; output: AsyncIterable<OutputChunk> };
  attach(options: AttachRequest): AttachSession;
  top(psArgs: string): Promise<ContainerTop>;
  stats(options: { stream: boolean; oneShot: boolean }, signal: AbortSignal): AsyncIterable<StatsDocument>;
  changes(): Promise<ContainerChange[]>;
  export(): Promise<Readable>;
  statPath(path: string): Promise<PathStat>;
  readArchive(path: string): Promise<{ stat: PathStat; tar: Readable }>;
  writeArchive(
    path: string,
    tar: Readable,
    options: { noOverwriteDirNonDir: boolean; copyUIDGID: boolean },
  ): Promise<void>;
  /** A file or a folder of one that stands still. @throws invalid-argument, conflict, not-found */
  removeInside(path: string): Promise<void>;
  /** Makes an image of what it has changed. @throws invalid-argument for a change that is none */
  commit(request: CommitRequest): Promise<{ Id: string }>;
  createExec(body: ExecCreateBody): Promise<{ Id: string }>;
}

/** A further process in a running container. */
export interface Exec {
  readonly id: ExecId;
  inspect(): ExecInspect;
  /** Detached: resolves when it runs, without a session. */
  start(options: {
    detach: boolean;
    terminal: boolean;
    size?: { rows: number; columns: number };
  }): Promise<AttachSession | undefined>;
  resize(rows: number, columns: number): Promise<void>;
}

/** A client at a process's standard streams. `output` ends when the process is done, or at the detach keys (nothing is killed). */
export interface AttachSession {
  readonly terminal: boolean;
  readonly output: AsyncIterable<OutputChunk>;
  /** Absent when stdin is not attached; its end closes the process's stdin when StdinOnce asks for it. */
  readonly input: Writable | undefined;
  /** The client went away. */
  close(): void;
}

/** What is pulled or pushed. Docker's JSON messages tell the progress. */
export interface TransferRequest {
  image: string;
  tag?: string;
  platform?: string;
  auth?: AuthConfig;
  progress: (message: JsonMessage) => void;
  signal: AbortSignal;
}

export interface ImagesService {
  list(query: {
    all?: boolean;
    filters?: Filters;
    digests?: boolean;
    sharedSize?: boolean;
    manifests?: boolean;
  }): Promise<ImageSummary[]>;
  inspect(name: string, options?: { platform?: string; manifests?: boolean }): Promise<ImageInspect>;
  history(name: string, platform?: string): Promise<HistoryItem[]>;
  /** Yields progress as Docker's JSON messages through `progress`; rejects with what made it fail. */
  pull(request: TransferRequest): Promise<void>;
  /** As {@link pull}; without a tag all tags of the repository. */
  push(request: TransferRequest): Promise<void>;
  /** Tells the new image's id as its last message. */
  import(request: ImportRequest): Promise<void>;
  search(request: SearchRequest): Promise<ImageSearchResult[]>;
  /** What a registry has under a name. */
  distribution(request: { image: string; auth?: AuthConfig; signal: AbortSignal }): Promise<DistributionInspect>;
  /** Those that the registry has of the image. */
  tags(request: { image: string; auth?: AuthConfig; signal: AbortSignal }): Promise<RepositoryTags>;
  load(
    tar: Readable,
    options: { quiet: boolean; platform?: string; progress: (message: JsonMessage) => void; signal: AbortSignal },
  ): Promise<void>;
  save(names: readonly string[], platform?: string): Promise<Readable>;
  tag(name: string, target: { repository: string; tag?: string }): Promise<void>;
  remove(name: string, options: { force: boolean; noPrune: boolean; platform?: string }): Promise<ImageDeleteItem[]>;
  prune(filters: Filters): Promise<ImagePruneReport>;
}

export interface NetworksService {
  list(filters: Filters): Promise<NetworkInspect[]>;
  inspect(ref: string, options?: { verbose?: boolean; scope?: string }): Promise<NetworkInspect>;
  create(body: NetworkCreateBody): Promise<NetworkCreateResponse>;
  remove(ref: string): Promise<void>;
  prune(filters: Filters): Promise<NetworkPruneReport>;
  connect(ref: string, body: NetworkConnectBody): Promise<void>;
  disconnect(ref: string, body: NetworkDisconnectBody): Promise<void>;
}

export interface VolumesService {
  list(filters: Filters): Promise<VolumeList>;
  inspect(name: string): Promise<VolumeDocument>;
  create(body: VolumeCreateBody): Promise<VolumeDocument>;
  remove(name: string, options: { force: boolean }): Promise<void>;
  prune(filters: Filters): Promise<VolumePruneReport>;
  /** With `pause` the containers that use it are frozen until the tar is read. @throws not-found */
  export(name: string, options: { pause: boolean }): Promise<Readable>;
  /** Makes the volume if it is not there. @throws conflict when it is in use, or has contents and they are not to be replaced */
  import(name: string, tar: Readable, options: { replace: boolean }): Promise<VolumeDocument>;
  /** @throws not-found; conflict when `to` is there */
  clone(name: string, options: { to: string | undefined; pause: boolean }): Promise<VolumeDocument>;
  /** @throws not-found; conflict when it is in use */
  empty(name: string): Promise<void>;
}

/** What an event says; the service adds the time. */
export interface EventNews {
  type: 'container' | 'image' | 'network' | 'volume' | 'daemon' | 'builder';
  action: string;
  id: string;
  attributes: Readonly<Record<string, string>>;
}

export interface EventsService {
  /** What is remembered since `since`, then what happens until `until` or the signal. Subscribed before it returns. */
  subscribe(options: {
    since?: Date;
    until?: Date;
    filters: Filters;
    signal: AbortSignal;
  }): AsyncIterable<EventMessage>;
  emit(news: EventNews): void;
}

export interface SystemService {
  info(): Promise<SystemInfo>;
  version(): VersionDocument;
  /** `types` empty means all: container, image, volume, build-cache. */
  diskUsage(types: readonly string[], buildCache: readonly BuildCacheRecord[]): Promise<DiskUsage>;
  /** Tells the world that the configuration was read anew. */
  announceReload(): void;
  /** @throws unauthorized in the registry's words */
  auth(body: AuthConfig): Promise<AuthResponse>;
}
