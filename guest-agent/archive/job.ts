import type { MessagePort } from 'node:worker_threads';
import type { WireError } from '../../contracts/errors.ts';
import type { DiffId } from '../../contracts/oci/digest.ts';
import type { Compression, UnpackedLayer } from './archive.ts';
import type { SharedGrowth } from './growing-file.ts';

/** Work for a thread, as it is posted to it. */
export type Job =
  | {
      kind: 'unpackLayer';
      blob: string;
      growth?: SharedGrowth;
      pieces?: MessagePort;
      compression: Compression;
      target: string;
      expectedDiffId?: DiffId;
      recipe?: string;
    }
  | { kind: 'rebuildLayer'; directory: string; recipe: string; diffId: DiffId; bytes: number; pieces: MessagePort }
  | {
      kind: 'pack';
      root: string;
      path: string;
      rename?: string;
      contentsOnly: boolean;
      asLayer: boolean;
      exact: boolean;
      hidden?: readonly string[];
      rootOutside?: { uid: number; gid: number };
      pieces: MessagePort;
    }
  | {
      kind: 'unpack';
      root: string;
      path: string;
      pieces: MessagePort;
      noOverwriteDirNonDir: boolean;
      withRoot: boolean;
      owner?: { uid: number; gid: number };
      rootOutside?: { uid: number; gid: number };
    }
  | { kind: 'copyTree'; root: string; path: string; target: string }
  | { kind: 'remove'; root: string; path: string };

/** What each kind of work answers. */
export interface JobResults {
  unpackLayer: UnpackedLayer;
  rebuildLayer: undefined;
  pack: undefined;
  unpack: undefined;
  copyTree: undefined;
  remove: undefined;
}

export type ToWorker = { id: number; job: Job } | { id: number; cancel: true };
export type FromWorker = { id: number; result: JobResults[Job['kind']] } | { id: number; error: WireError };
