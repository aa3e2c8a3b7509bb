export type {
  Archive,
  Compression,
  PackRequest,
  PathStat,
  UnpackedLayer,
  UnpackLayerRequest,
  UnpackRequest,
} from './archive.ts';
export { openArchive } from './open-archive.ts';
