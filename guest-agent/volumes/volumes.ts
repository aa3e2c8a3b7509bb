import type { Readable } from 'node:stream';

/** A local volume. `mountpoint` is the directory that a container sees. */
export interface Volume {
  name: string;
  driver: 'local';
  mountpoint: string;
  createdAt: Date;
  labels: Record<string, string>;
  options: Record<string, string>;
  /** Made without a name; `volume prune` removes only these unless asked for all. */
  anonymous: boolean;
  /** The container that it was made for and goes with; absent once it has been let go. */
  container?: string;
}

/** Docker's filters: name → values. Known: dangling, driver, label, label!, all (prune). */
export type VolumeFilters = Record<string, string[]>;

/** Which containers (ids) use a volume. */
export type VolumeUses = (name: string) => string[];

export interface VolumeCreateRequest {
  /** Absent or empty: 64 random hexadecimal digits, and the volume counts as anonymous. */
  name?: string;
  driver?: string;
  driverOpts?: Record<string, string>;
  labels?: Record<string, string>;
  /** For a volume without a name: the container that it is made for, whose creation may yet fail. */
  container?: string;
}

/** Local volumes: `<root>/<name>/{volume.json,_data}`. */
export interface Volumes {
  list(filters?: VolumeFilters, uses?: VolumeUses): Volume[];
  find(name: string): Volume | undefined;
  /** @throws not-found `get x: no such volume` */
  get(name: string): Volume;
  /** Idempotent for a name that exists with the same driver. */
  create(request: VolumeCreateRequest): Promise<Volume>;
  /** @throws conflict `remove x: volume is in use - [ids]`, not-found unless forced */
  remove(name: string, options: { force: boolean; inUse: string[] }): Promise<void>;
  /** The container goes and the volume stays: `docker rm` without `-v`. */
  letGo(name: string): Promise<void>;
  prune(filters: VolumeFilters, uses: VolumeUses): Promise<{ deleted: string[]; spaceReclaimed: number }>;
  /** The directory to bind into a container. @throws not-found */
  dataPath(name: string): string;
  /** Copies what the image has at `path` into the volume if that is still empty. `root` is an open rootfs. */
  populate(name: string, root: string, path: string): Promise<void>;
  /** Bytes in the volume's files. */
  size(name: string): Promise<number>;
  /** Of the volumes that are file systems of their own. */
  readonly mounts: VolumeMounts;
  readonly contents: VolumeContents;
  /** The engine ends. Unless containers go on, nothing stays mounted. */
  close(options: { all: boolean }): void;
}

/** When the contents of a volume may be replaced. */
export interface ReplaceRequest {
  /** Also when there are some. */
  replace: boolean;
  /** Asked at the beginning and just before the exchange. @throws when somebody uses the volume */
  assertFree(): void;
}

/** The contents of volumes as a whole. What replaces them is there whole or not at all, whenever the engine ends. */
export interface VolumeContents {
  /** A tar of `./` and all below it, with owners, times, links, devices and all extended attributes. @throws not-found */
  export(name: string): Promise<Readable>;
  /** From such a tar, or another, also compressed with gzip or zstd. @throws not-found, conflict, invalid-argument */
  import(name: string, tar: Readable, request: ReplaceRequest): Promise<void>;
  /** @throws not-found, conflict */
  empty(name: string, request: Omit<ReplaceRequest, 'replace'>): Promise<void>;
  /** Into a volume that is new. */
  clone(from: string, to: string): Promise<void>;
}

/** Volumes with the options `type` and `device`: mounted at first use, unmounted after the last. */
export interface VolumeMounts {
  isNeeded(name: string): boolean;
  /** Mounts the volume unless it is; a holder may ask twice. @throws internal in Docker's words */
  hold(name: string, holder: string): Promise<void>;
  /** All that a holder has, any number of times. */
  release(holder: string): Promise<void>;
  /** After an engine's restart: the holder was there before. */
  adopt(name: string, holder: string): void;
  /** After an engine's restart, when all holders are known: what nobody holds is unmounted. */
  settle(volumes: readonly Volume[]): void;
}

/** What this room needs from its neighbour, the archive. */
export interface TreeCopier {
  copyTree(request: { root: string; path: string; target: string }): Promise<void>;
  pack(request: { root: string; path: string; rename: string; exact: boolean }): Readable;
  unpack(request: {
    root: string;
    path: string;
    tar: Readable;
    noOverwriteDirNonDir: boolean;
    copyUIDGID: boolean;
    withRoot: boolean;
  }): Promise<void>;
}
