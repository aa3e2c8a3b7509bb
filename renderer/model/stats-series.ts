import type { StatsReading } from '../../contracts/bridge.ts';

/** Readings come each second; after so many milliseconds without one nobody has measured. */
const mostGapMs = 5000;

/** Readings as lines are drawn of them: undefined is a hole, where nobody measured. Times in seconds since 1970. */
export interface StatsSeries {
  times: number[];
  readings: (StatsReading | undefined)[];
}

/** The readings of the last `seconds`, with a hole wherever the next one is long after. */
export function statsSeries(all: readonly StatsReading[], seconds: number): StatsSeries {
  const since = (all.at(-1)?.time ?? 0) - seconds * 1000;
  const series: StatsSeries = { times: [], readings: [] };
  let before = Number.POSITIVE_INFINITY;
  for (const reading of all) {
    if (reading.time < since) continue;
    if (reading.time - before > mostGapMs) {
      series.times.push(before / 1000 + 1);
      series.readings.push(undefined);
    }
    series.times.push(reading.time / 1000);
    series.readings.push(reading);
    before = reading.time;
  }
  return series;
}

/** What grows, as it grew in each second; null for the first after a hole. */
export const ratesOf = ({ readings }: StatsSeries, of: (reading: StatsReading) => number): (number | null)[] =>
  readings.map((reading, index) => {
    const before = readings[index - 1];
    if (!reading || !before || reading.time <= before.time) return null;
    return Math.max(0, (of(reading) - of(before)) / ((reading.time - before.time) / 1000));
  });
