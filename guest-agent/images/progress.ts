import type { JsonMessage } from '../../contracts/docker/common.ts';
import { type Digest, hexOf } from '../../contracts/oci/digest.ts';

export type Progress = (message: JsonMessage) => void;

/** What happens to a layer; with `total`, how far it is, in bytes. */
export interface LayerNews {
  action: string;
  current?: number;
  total?: number;
}

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Bytes for people as Go's `units.HumanSize` writes them: four digits, powers of 1000. */
export function humanSize(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${Number(size.toPrecision(4))}${units[unit]}`;
}

/** The drawn bar that Docker's daemon sends along for clients that do not draw. */
export function progressBar(current: number, total: number): string {
  if (current <= 0 && total <= 0) return '';
  const done = humanSize(current).padStart(8);
  if (total <= 0) return done;
  const marks = Math.min(50, Math.floor(Math.floor((current / total) * 100) / 2));
  const bar = `[${'='.repeat(marks)}>${' '.repeat(50 - marks)}] `;
  return bar + (current > total ? done : `${done}/${humanSize(total)}`);
}

/** The twelve digits that lines about a layer begin with. */
export const shortId = (digest: Digest): string => hexOf(digest).slice(0, 12);

/** One line about a layer. */
export function layerMessage(id: string, { action, current, total }: LayerNews): JsonMessage {
  if (current === undefined) return { status: action, progressDetail: {}, id };
  const progressDetail = total === undefined ? { current } : { current, total };
  return { status: action, progressDetail, progress: progressBar(current, total ?? 0), id };
}

const betweenUpdatesMs = 100;

/** Lets through what is new, and of mere progress one line each tenth of a second and the last. */
export function throttled(listener: (news: LayerNews) => void): (news: LayerNews) => void {
  let last = 0;
  let action = '';
  return news => {
    const now = Date.now();
    const finished = news.current !== undefined && news.current === news.total;
    if (news.action === action && !finished && now - last < betweenUpdatesMs) return;
    last = now;
    action = news.action;
    listener(news);
  };
}
