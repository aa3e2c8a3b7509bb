import type { Bounds } from './shell.ts';

/** Of a window, in pixels of the desktop: less than this of it cannot be taken hold of. */
const leastVisible = 80;

const usual: Bounds = { width: 1200, height: 800 };

/** Where to open a window that was at `saved`: a screen may be gone since, and a file may hold anything. */
export function visibleBounds(saved: unknown, areas: readonly Required<Bounds>[]): Bounds {
  const { x, y, width, height } = { ...usual, ...(saved as Partial<Bounds> | undefined) };
  const size = Number.isFinite(width) && Number.isFinite(height) ? { width, height } : usual;
  if (x === undefined || y === undefined) return size;
  const overlap = (at: number, length: number, from: number, room: number): number =>
    Math.min(at + length, from + room) - Math.max(at, from);
  const isSeen = areas.some(
    area =>
      overlap(x, size.width, area.x, area.width) >= leastVisible &&
      overlap(y, size.height, area.y, area.height) >= leastVisible &&
      y >= area.y, // its title can be reached
  );
  return isSeen ? { x, y, ...size } : size;
}
