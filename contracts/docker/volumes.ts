import { anything, type Decoded, fields, map, text } from '../decode.ts';
import type { Labels } from './common.ts';

/** `POST /volumes/create`. */
export const volumeCreateBody = fields(
  {
    Name: text,
    Driver: text,
    DriverOpts: map(text),
    Labels: map(text),
    ClusterVolumeSpec: anything,
  },
  'volume.CreateOptions',
);
export type VolumeCreateBody = Decoded<typeof volumeCreateBody>;

/** `GET /volumes/{name}`; the size is −1 where it was not measured. */
export interface VolumeDocument {
  Name: string;
  Driver: string;
  Mountpoint: string;
  CreatedAt?: string;
  Status?: Record<string, unknown>;
  Labels: Labels | null;
  Scope: 'local' | 'global';
  Options: Record<string, string> | null;
  UsageData?: { Size: number; RefCount: number };
}

/** `GET /volumes`. */
export interface VolumeList {
  Volumes: VolumeDocument[];
  Warnings: string[] | null;
}

export interface VolumePruneReport {
  VolumesDeleted: string[] | null;
  SpaceReclaimed: number;
}
