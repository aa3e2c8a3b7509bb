import type { Labels } from './common.ts';
import type { ContainerConfig, GraphDriverDocument } from './containers.ts';

/** An OCI descriptor as API documents carry it. */
export interface ImageDescriptor {
  mediaType: string;
  digest: string;
  size: number;
  urls?: string[];
  annotations?: Record<string, string>;
  platform?: { architecture: string; os: string; 'os.version'?: string; 'os.features'?: string[]; variant?: string };
}

/** One platform of an image; `Size` in bytes, of what is here. `For` is the digest of the manifest that is spoken of. */
export interface ManifestSummary {
  ID: string;
  Descriptor: ImageDescriptor;
  Available: boolean;
  Size: { Content: number; Total: number };
  Kind: 'image' | 'attestation' | 'unknown';
  ImageData?: {
    Platform: NonNullable<ImageDescriptor['platform']>;
    Containers: string[];
    Size: { Unpacked: number };
  };
  AttestationData?: { For: string };
}

/** One entry of `GET /images/json`; sizes in bytes, `Created` in seconds, −1 for what was not asked for. */
export interface ImageSummary {
  Id: string;
  ParentId: string;
  RepoTags: string[] | null;
  RepoDigests: string[] | null;
  Created: number;
  Size: number;
  SharedSize: number;
  VirtualSize?: number;
  Labels: Labels | null;
  Containers: number;
  Descriptor?: ImageDescriptor;
  Manifests?: ManifestSummary[];
}

/** `GET /images/{name}/json`. */
export interface ImageInspect {
  Id: string;
  RepoTags: string[];
  RepoDigests: string[];
  Parent: string;
  Comment: string;
  Created?: string;
  DockerVersion: string;
  Author: string;
  Config: ContainerConfig | null;
  Architecture: string;
  Variant?: string;
  Os: string;
  OsVersion?: string;
  Size: number;
  VirtualSize?: number;
  GraphDriver: GraphDriverDocument;
  RootFS: { Type: string; Layers?: string[] };
  Metadata: { LastTagTime: string };
  Descriptor?: ImageDescriptor;
  Manifests?: ManifestSummary[];
}

/** One line of `docker history`; `Id` is `<missing>` for layers that came with a pull. */
export interface HistoryItem {
  Id: string;
  Created: number;
  CreatedBy: string;
  Tags: string[] | null;
  Size: number;
  Comment: string;
}

/** One line of `docker rmi`. */
export type ImageDeleteItem = { Untagged: string } | { Deleted: string };

export interface ImagePruneReport {
  ImagesDeleted: ImageDeleteItem[] | null;
  SpaceReclaimed: number;
}

export interface ImageSearchResult {
  description: string;
  is_official: boolean;
  is_automated: boolean;
  name: string;
  star_count: number;
}

/** `GET /distribution/{name}/tags`. */
export interface RepositoryTags {
  Tags: string[];
}

/** `GET /distribution/{name}/json`. */
export interface DistributionInspect {
  Descriptor: ImageDescriptor;
  Platforms: NonNullable<ImageDescriptor['platform']>[];
}
