/**
 * Local volumes, and the rules of `-v`, `--mount` and `--tmpfs`.
 *
 * A volume is a folder `<name>/{volume.json,_data}` that appears by one rename and leaves by one. Its record can be torn
 * or lost without losing the data. One without a name knows the container that it was made for, so that a crash in the
 * middle of a creation or a removal leaves no volume that nobody asked for. `populate` fills an empty volume with what the
 * image has at its place, once, and whole or not at all.
 *
 * A volume with the options `type` and `device` is a file system of its own (tmpfs, NFS, a disk, a folder elsewhere),
 * mounted on its `_data` from its first use to its last; `mounts` counts who holds it.
 *
 * `planMounts` is pure: from a container's wishes to checked mounts, with Docker's refusals in Docker's words. The
 * engine makes what the plan names (volumes without a name, missing sources of `-v`) and turns it into OCI mounts. In
 * the machine a bind of a host folder is refused there by name: an empty folder in its place would lie.
 */
export type { BindPolicy, MountWishes, PlannedMount } from './binds.ts';
export { parseVolumesFrom, planMounts } from './binds.ts';
export { mergeTmpfsOptions } from './mount-modes.ts';
export { openVolumes } from './open-volumes.ts';
export type {
  TreeCopier,
  Volume,
  VolumeCreateRequest,
  VolumeFilters,
  VolumeMounts,
  Volumes,
  VolumeUses,
} from './volumes.ts';
