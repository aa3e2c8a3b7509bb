import type { Readable } from 'node:stream';
import type { DiffId } from '../../contracts/oci/digest.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

/** A layer to unpack, from a blob on disk or from a stream. */
export interface UnpackLayerRequest {
  /** Where the bytes are: a file, or a stream of them (`stream` wins). */
  blob: string;
  stream?: Readable;
  /**
   * For a blob that is still being downloaded: how many of its bytes can be read by now, ever growing. The end of
   * the iteration is the end of the blob; what it throws fails the unpacking.
   */
  growth?: AsyncIterable<number>;
  compression: Compression;
  /** An existing, empty directory. */
  target: string;
  /** Checked when the last byte has been read. @throws invalid-argument on a mismatch. */
  expectedDiffId?: DiffId;
  /** A file to write: how to put the archive together again, for {@link Archive.rebuildLayer}. */
  recipe?: string;
  signal?: AbortSignal;
}

/** What was unpacked. Docker counts a layer as its regular files (`size`) and what its symbolic links say, in bytes. */
export interface UnpackedLayer {
  diffId: DiffId;
  size: number;
  linkBytes: number;
  /** Length of the archive that the recipe gives back, in bytes; absent when none was asked for, or none can be. */
  rebuiltBytes?: number;
}

/** A layer as it lies unpacked. */
export interface RebuildLayerRequest {
  directory: string;
  recipe: string;
  /** What the archive must be. */
  diffId: DiffId;
  /** How long. */
  bytes: number;
}

export interface PackRequest {
  /** A directory that stands for `/`: `/proc/self/fd/N`, `/proc/<pid>/root`, or a plain path. */
  root: string | number;
  /** A path as a user of the container types it; symbolic links are followed inside `root` only. */
  path: string;
  /** The first name in the archive; by default the path's last part, as `docker cp` wants it. */
  rename?: string;
  /** For `docker export`: the contents of `path` without a leading name. */
  contentsOnly?: boolean;
  /** `root` is the upper directory of an overlay: what it hides becomes an image layer's `.wh.` files. */
  asLayer?: boolean;
  /** More than Docker's archives have: all extended attributes, and times to the nanosecond. */
  exact?: boolean;
  /** Devices, as `major:minor`, of which only the directories are told that the walk comes to: a kernel's file systems. */
  hidden?: readonly string[];
  /** The tree belongs to a user namespace whose root has these numbers outside; owners are told as it sees them. */
  rootOutside?: { uid: number; gid: number };
}

export interface UnpackRequest {
  root: string;
  path: string;
  tar: Readable;
  /** Refuse to replace a directory by something else, and the other way round. */
  noOverwriteDirNonDir: boolean;
  /** Give everything to `owner` in place of the numbers in the archive. */
  copyUIDGID: boolean;
  owner?: { uid: number; gid: number };
  /** The archive's own root, if it has one, tells about the directory at `path`. */
  withRoot?: boolean;
  /** The tree belongs to a user namespace whose root has these numbers outside. */
  rootOutside?: { uid: number; gid: number };
}

/** What the header `X-Docker-Container-Path-Stat` tells. */
export interface PathStat {
  name: string;
  size: number;
  /** Bits of Go's `os.FileMode`, not of stat(2). */
  mode: number;
  mtime: Date;
  /** The path inside the root that a symbolic link ends at, else ''. */
  linkTarget: string;
}

/** Tar archives in and out of trees that are not trusted. The work is done in worker threads. */
export interface Archive {
  /** Unpacks an image layer for overlayfs. Does not sync: the owner of the target does. */
  unpackLayer(request: UnpackLayerRequest): Promise<UnpackedLayer>;
  /** The very archive that a layer was unpacked from. Errors, of another digest too, are the stream's. */
  rebuildLayer(request: RebuildLayerRequest): Readable;
  /** `docker cp` out of a container, `docker export`. @throws not-found (as the stream's error) when there is no such path. */
  pack(request: PackRequest): Readable;
  /** `docker cp` into a container. @throws not-found, invalid-argument (`extraction point is not a directory`). */
  unpack(request: UnpackRequest): Promise<void>;
  /** @returns undefined when there is no such path. */
  stat(root: string, path: string): PathStat | undefined;
  /** Copies the contents of a directory inside `root` into `target` with owners, modes, links, xattrs and times. */
  copyTree(request: { root: string; path: string; target: string }): Promise<void>;
  /** Removes what is at an absolute path inside `root`, with all below it. No symbolic link is followed out of it. */
  remove(request: { root: string; path: string }): Promise<void>;
  close(): Promise<void>;
}
