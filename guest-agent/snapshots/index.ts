/**
 * The file systems of images and containers, on overlayfs, or where the kernel refuses that on snapshots (`btrfs`), on
 * fuse-overlayfs if that program is there, or on copies (`vfs`: reflinks on XFS). Layers are stored once and in one form for both; a container keeps the way in which it was made.
 *
 *     layers/<hex of chainId>/{layer.json,diff}     committed: appeared by one rename, after one syncfs
 *     layers/<hex of chainId>/recipe                how to put the layer's archive together again from `diff`
 *     drafts/…                                       being unpacked; removed at start
 *     containers/<id>/{upper,work,parent}            a writable layer; `parent` is a link to the layer it stands on
 *     containers/<id>/{tree,parent}                  where overlayfs is refused: a copy of all layers, in one
 *     containers/<id>/{upper,work,tree,parent}       fuse-overlayfs shows the root at `tree` while it runs
 *     trees/<hex of chainId>                         on btrfs: all layers in one subvolume, to make snapshots of
 *     init                                           the lowest layer of all: mount points and /.dockerenv
 *     trash/…                                        renamed away, being deleted; deleted at start
 *
 * The life of a layer: `prepareLayer` gives a directory, the archive unpacks into it, `commit` makes it real or `abort`
 * forgets it. The life of a container's: `prepare`, then any number of mounts, then `remove`.
 *
 * This room mounts nothing where a mount table would see it, but for what fuse-overlayfs serves (`stand`, `rest`). `rootfs` says what a container's child shall mount in its
 * own namespace; `open` is a detached mount for the engine itself, read-only unless asked: then the writable layer is
 * merely the topmost of the lower ones, which is harmless beside a running container and, unlike the end of a writable
 * mount, does not sync the disk. What the engine no longer knows shows in `ids()`, for it to remove at its start.
 */
export { openSnapshots } from './open-snapshots.ts';
export type {
  Change,
  ExtraMount,
  LayerArchive,
  LayerContents,
  LayerDraft,
  LayerInfo,
  OpenChanges,
  OpenRootfs,
  RootfsMount,
  Snapshots,
  StorageDriver,
} from './snapshots.ts';
export { changeKinds } from './snapshots.ts';
