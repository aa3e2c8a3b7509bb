import type { RootfsMount } from './snapshots.ts';

/**
 * What dockerd gives overlayfs too: without an index, which would tie the writable layer to one set of lower layers.
 * Redirects and metadata-only copies are off whatever the module's defaults are: `changes` reads the layers themselves.
 */
export const overlayOptions = ['index=off', 'redirect_dir=off', 'metacopy=off'] as const;

/** fsconfig(2)'s strings for a writable mount. `lowerdir+` (Linux 6.5) takes one layer each, so no length limit is near. */
export const writableOptions = (mount: RootfsMount): string[] => [
  ...mount.lowerdirs.map(directory => `lowerdir+=${directory}`),
  `upperdir=${mount.upperdir}`,
  `workdir=${mount.workdir}`,
  ...mount.options,
];

/**
 * For a look without a trace: the writable layer is just the topmost of the lower ones. Such a mount may stand beside a
 * writable one, and its end does not sync the disk, as the end of a writable one does.
 */
export const readonlyOptions = (mount: RootfsMount): string[] => [
  ...[mount.upperdir, ...mount.lowerdirs].map(directory => `lowerdir+=${directory}`),
  ...mount.options,
];
