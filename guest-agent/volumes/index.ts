export type { BindPolicy, MountWishes, PlannedMount } from './binds.ts';
export { parseVolumesFrom, planMounts } from './binds.ts';
export { mergeTmpfsOptions } from './mount-modes.ts';
export { openVolumes } from './open-volumes.ts';
export type { TreeCopier, Volume, VolumeCreateRequest, VolumeFilters, Volumes, VolumeUses } from './volumes.ts';
