import type { ChainId, DiffId } from '../../contracts/oci/digest.ts';

/** How to mount a container's root file system: top layer first, and the options to give overlayfs. */
export interface RootfsMount {
  lowerdirs: string[];
  upperdir: string;
  workdir: string;
  readonly?: boolean;
  /** Set where overlayfs is not to be had: this directory is the whole root, once it stands; what else is said is what it is made of. */
  directory?: string;
  /** Further `key=value` options of overlayfs, each one string for fsconfig(2). */
  options: string[];
}

/** The archive that a layer came from: what can be put together again from its files and its recipe. */
export interface LayerArchive {
  diffId: DiffId;
  bytes: number;
}

/** A committed layer. `size` is in bytes, of its own regular files only. */
export interface LayerInfo {
  chainId: ChainId;
  parent: ChainId | undefined;
  size: number;
  /** What its symbolic links say, in bytes; absent where that was not counted. */
  linkBytes?: number | undefined;
  /** Absent where there is no recipe. */
  archive?: LayerArchive | undefined;
  /** Its files are not what they should be: it is as good as not there for all but the containers that stand on it. */
  damaged?: boolean | undefined;
}

/** What is known of a layer when it is complete. */
export type LayerContents = Pick<LayerInfo, 'size' | 'linkBytes' | 'archive'>;

/** A difference between a container and its image, as `docker diff` shows it. */
export interface Change {
  path: string;
  kind: 0 | 1 | 2;
}

/** Docker's numbers for {@link Change}. */
export const changeKinds = { modified: 0, added: 1, deleted: 2 } as const;

/** A layer that is being made; which one it is, and on which it lies, is said at the end. Exactly one of `commit` and `abort` ends it. */
export interface LayerDraft {
  /** Unpack into it. */
  directory: string;
  /** Beside it, a file that is not there yet: how to put the layer's archive together again. */
  recipe: string;
  /** Makes the layer durable and visible. Harmless when another draft of the same layer was first. */
  commit(layer: LayerInfo): Promise<void>;
  /** As `commit`, but what was there before goes. Nobody may stand on it meanwhile. */
  replace(layer: LayerInfo): Promise<void>;
  abort(): Promise<void>;
}

/** A detached mount of a container's root: it is in no mount table and ends with `close`. */
export interface OpenRootfs {
  /** `/proc/self/fd/N` */
  path: string;
  close(): void;
}

/** A volume or a bind that stands in a container's root. */
export interface ExtraMount {
  source: string;
  destination: string;
  readonly?: boolean;
}

/**
 * How containers get their roots: `vfs` copies all layers for each, `btrfs` makes a snapshot of such a copy,
 * `fuse-overlayfs` is a process for each that runs.
 */
export type StorageDriver = 'overlay2' | 'btrfs' | 'fuse-overlayfs' | 'vfs';

/** What a container has changed, in the form of an upper directory of overlayfs. */
export interface OpenChanges {
  path: string;
  close(): void;
}

/** Layers of images and the writable layers of containers. */
export interface Snapshots {
  readonly driver: StorageDriver;
  hasLayer(chainId: ChainId): boolean;
  prepareLayer(): Promise<LayerDraft>;
  /** @throws conflict when a layer or a container stands on it. Idempotent. */
  removeLayer(chainId: ChainId): Promise<void>;
  layers(): LayerInfo[];
  /** Layers of which files are missing, or are longer or shorter than when they were unpacked. Reads all of them. */
  damagedLayers(): Promise<ChainId[]>;
  /** From now on {@link Snapshots.hasLayer} denies the layer, and a draft of it takes its place. Idempotent. */
  markDamaged(chainId: ChainId): Promise<void>;
  /** Bytes of this layer alone, as Docker counts them. @throws not-found */
  layerSize(chainId: ChainId): number;
  /** Where a layer lies, and those below it, top first. @throws not-found */
  layerStack(chainId: ChainId): string[];
  /** Where a layer lies and what it can be made into again; nothing for one without a recipe, or that is not there. */
  packedFrom(chainId: ChainId): (LayerArchive & { directory: string; recipe: string }) | undefined;
  /** From now on what a writable layer begins with is made beforehand, when there is time. */
  makeAhead(): void;
  /** A container's writable layer. A power cut may take it away again, while it is empty. */
  prepare(id: string, parent: ChainId | undefined): Promise<void>;
  /** What makes up the root, whether it stands or not. @throws not-found */
  rootfs(id: string): RootfsMount;
  /** The same, ready for a container to run on: where a process has to serve it, that runs now. @throws not-found */
  stand(id: string): RootfsMount;
  /** Nothing runs on it any more. Idempotent. */
  rest(id: string): void;
  /** What a snapshot stands on, top first: the image's layers, or the one copy of them. @throws not-found */
  layerFolders(id: string): string[];
  /**
   * Read-only unless asked: a writable mount of a running container's layers is undefined behaviour, and slower to
   * close. With `mounts`, for a container that does not run, the volumes are in their places too (it is writable then).
   */
  open(id: string, options?: { writable?: boolean; mounts?: readonly ExtraMount[] }): OpenRootfs;
  /** Bytes in the writable layer. */
  size(id: string): Promise<number>;
  changes(id: string): Promise<Change[]>;
  /** What a layer has to hold that makes an image of the container. Nobody may write into it. */
  openChanges(id: string): Promise<OpenChanges>;
  /** Idempotent. The name is free at once, the space a little later. */
  remove(id: string): Promise<void>;
  ids(): string[];
}
