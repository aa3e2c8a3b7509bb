/**
 * Images: pulled from a registry, loaded from an archive, named by tags, taken apart into layers.
 *
 * The life of an image: `pull` (or `load`) brings its manifest, configuration and layers into the content store, and
 * unpacks each layer into a snapshot while it still arrives. Only when all of that is durable does `references.json`
 * name the image, in one atomic step, so a crash leaves either no image or a whole one. `tag` and `remove` change
 * names; an image goes with its last name, and what only it used (blobs, snapshots) is swept at once.
 *
 * A name stands for an image, or for an index of several platforms (`platforms-record.ts`), as in containerd's store: then it
 * means the engine's own platform, or the one that is asked for, and is tagged, pushed, saved and removed as a whole. The
 * index stays as it came, and so do statements about how images were made; an image keeps the id that it has in dockerd.
 *
 * Packed layers are not kept: `save` and `push` put a layer's archive together again from its files and a recipe, byte by
 * byte, and a push packs it anew where the registry has no form of it that we know of (see `layer-archives.ts`).
 *
 * Nobody counts references: blobs and layers that no record names are garbage, unless a pull holds them (leases) or
 * a container stands on them (`snapshots` refuses then).
 */
export { tarIn } from './archive-files.ts';
export { ociLayerType } from './archived-images.ts';
export { chainIdsOf, digestOf } from './chain-ids.ts';
export type { CommitLayerRequest } from './commit-layer.ts';
export type { ComposeRequest } from './compose-image.ts';
export { distributionError } from './distribution.ts';
export type { BlobOrigin } from './download.ts';
export { type Image, type LayerBlob, sameRepository } from './image.ts';
export { checkStore, type Images, type ImagesOptions, openImages } from './images.ts';
export type { LayerForm } from './layer-archives.ts';
export type { ImageFilters } from './list.ts';
export { parseConfig, parseWords } from './manifests.ts';
export type { PlatformOffer } from './offers.ts';
export { formatPlatform, ownPlatform, parsePlatform, suitability, toArchitecture } from './platform.ts';
export type { PlatformImage } from './platform-index.ts';
export { humanSize, type Progress, progressBar } from './progress.ts';
export type { PullOptions } from './pull.ts';
export type { PushOptions } from './push.ts';
export type { ContainerUse } from './remove.ts';
export type { StackedLayer } from './stack-layers.ts';
