import type { ContainerRow } from './container-row.ts';
import { compareTexts } from './list.ts';

/** A container in the picture of networks: a stop on every lane that it is on. */
export interface LaneRow {
  container: ContainerRow;
  /** Its address by lane; undefined where it is not. */
  stops: (string | undefined)[];
  /** First and last lane that it is on; they are joined. */
  from: number;
  to: number;
}

/** Networks that everybody has tell least: they come last. */
const builtIn = ['bridge', 'host'];

/** One's own networks, the crowded first, then the built-in ones; containers that share lanes lie together. */
export function networkLanes(
  containers: readonly ContainerRow[],
  names: readonly string[],
): { lanes: string[]; rows: LaneRow[] } {
  const on = (name: string): number =>
    containers.filter(({ networks }) => networks.some(each => each.name === name)).length;
  const lanes = names
    .filter(name => on(name) > 0 && name !== 'none')
    .sort((a, b) => builtIn.indexOf(a) - builtIn.indexOf(b) || on(b) - on(a) || compareTexts(a, b));
  const rows = containers.map(container => {
    const stops = lanes.map(lane => container.networks.find(({ name }) => name === lane)?.address);
    const from = stops.findIndex(stop => stop !== undefined);
    return { container, stops, from, to: stops.findLastIndex(stop => stop !== undefined) };
  });
  // those that are on none come last
  const place = ({ stops, from }: LaneRow): string =>
    from === -1 ? '2'.repeat(stops.length) : stops.map(stop => (stop === undefined ? '1' : '0')).join('');
  return {
    lanes,
    rows: rows.sort((a, b) => compareTexts(place(a), place(b)) || compareTexts(a.container.name, b.container.name)),
  };
}
