import type { JsonMessage } from '../../contracts/docker/common.ts';

/** A layer on its way; bytes are 0 where they are not known. */
export interface LayerProgress {
  id: string;
  status: string;
  current: number;
  total: number;
  done: boolean;
}

export interface PullProgress {
  layers: readonly LayerProgress[];
  /** The last line that was not of a layer. */
  message: string;
}

export const noProgress: PullProgress = { layers: [], message: '' };

const finished = /^(Pull complete|Already exists)/;

/** The progress after one more message of the engine. */
export function withMessage(progress: PullProgress, { id, status = '', progressDetail }: JsonMessage): PullProgress {
  const isLayer = id !== undefined && /^[0-9a-f]{12}$/.test(id);
  if (!isLayer) return { ...progress, message: status };
  const before = progress.layers.find(layer => layer.id === id);
  const total = status === 'Downloading' ? (progressDetail?.total ?? before?.total ?? 0) : (before?.total ?? 0);
  const downloaded = /^(Verifying|Download complete|Extracting|Pull complete)/.test(status);
  const current =
    status === 'Downloading' ? (progressDetail?.current ?? 0) : downloaded ? total : (before?.current ?? 0);
  const layer = { id, status, current, total, done: finished.test(status) };
  const layers = before ? progress.layers.map(each => (each.id === id ? layer : each)) : [...progress.layers, layer];
  return { ...progress, layers };
}

/** Bytes that are here and that will be, of the layers whose size is known. */
export const transferOf = ({ layers }: PullProgress): { current: number; total: number } => ({
  current: layers.reduce((sum, { current }) => sum + current, 0),
  total: layers.reduce((sum, { total }) => sum + total, 0),
});

/** Between 0 and 1: bytes, where they are known, else layers. */
export function wholeProgress(progress: PullProgress): number {
  const { layers } = progress;
  if (layers.length === 0) return 0;
  const { current, total: bytes } = transferOf(progress);
  const finishedLayers = layers.filter(({ done }) => done).length / layers.length;
  if (bytes === 0) return finishedLayers;
  // a layer is there when it is unpacked: half of the way is the download
  return current / bytes / 2 + finishedLayers / 2;
}
