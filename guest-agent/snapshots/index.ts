export { openSnapshots } from './open-snapshots.ts';
export type { Change, LayerDraft, LayerInfo, OpenRootfs, RootfsMount, Snapshots } from './snapshots.ts';
export { changeKinds } from './snapshots.ts';
