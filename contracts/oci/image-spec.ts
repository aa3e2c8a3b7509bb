import type { Descriptor } from './descriptor.ts';
import type { DiffId, Digest } from './digest.ts';

/** Where an image runs (OCI image specification, image-index.md#platform). */
export interface Platform {
  architecture: string;
  os: string;
  variant?: string;
  'os.version'?: string;
  'os.features'?: string[];
}

/** How to find out whether a container is well; durations in nanoseconds (Docker image specification). */
export interface HealthConfig {
  Test?: string[];
  Interval?: number;
  Timeout?: number;
  StartPeriod?: number;
  StartInterval?: number;
  Retries?: number;
}

/** What a container of the image does unless told otherwise (OCI image specification, config.md#properties, and Docker's own). */
export interface ImageRunConfig {
  User?: string;
  ExposedPorts?: Record<string, object> | null;
  Env?: string[] | null;
  Entrypoint?: string[] | null;
  Cmd?: string[] | null;
  Volumes?: Record<string, object> | null;
  WorkingDir?: string;
  Labels?: Record<string, string> | null;
  StopSignal?: string;
  StopTimeout?: number | null;
  ArgsEscaped?: boolean;
  Healthcheck?: HealthConfig | null;
  OnBuild?: string[] | null;
  Shell?: string[] | null;
}

/** One step of how an image came to be; an `empty_layer` one changed no file. */
export interface HistoryEntry {
  created?: string;
  created_by?: string;
  author?: string;
  comment?: string;
  empty_layer?: boolean;
}

/** An image's configuration: its digest is the image's id (OCI image specification, config.md). */
export interface ImageConfig {
  architecture: string;
  os: string;
  variant?: string;
  'os.version'?: string;
  'os.features'?: string[];
  created?: string;
  author?: string;
  config?: ImageRunConfig | null;
  rootfs: { type: string; diff_ids: DiffId[] };
  history?: HistoryEntry[] | null;
  docker_version?: string;
  comment?: string;
  container?: string;
  parent?: Digest;
}

/** One image: its configuration and layers, lowest first (OCI image specification, manifest.md). */
export interface ImageManifest {
  schemaVersion: 2;
  mediaType?: string;
  artifactType?: string;
  config: Descriptor;
  layers: Descriptor[];
  annotations?: Record<string, string>;
}

/** A choice of images, usually one a platform (OCI image specification, image-index.md). */
export interface ImageIndex {
  schemaVersion: 2;
  mediaType?: string;
  manifests: Descriptor[];
  annotations?: Record<string, string>;
}
