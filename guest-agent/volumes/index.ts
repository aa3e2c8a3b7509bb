export { openVolumes } from './open-volumes.ts';
export type { TreeCopier, Volume, VolumeCreateRequest, VolumeFilters, Volumes, VolumeUses } from './volumes.ts';
