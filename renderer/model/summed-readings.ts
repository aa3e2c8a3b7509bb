import type { StatsReading } from '../../contracts/bridge.ts';

/** What all containers use together, second by second; null where nobody measured. Times in seconds since 1970. */
export interface SummedReadings {
  times: number[];
  cpuPercent: (number | null)[];
  memoryBytes: (number | null)[];
}

interface Sum {
  cpu: number;
  memory: number;
  /** Of so many containers. */
  count: number;
}

/** A reading counts for so many seconds when the next one is late. */
const countsSeconds = 3;

/** Where less than this part of those has told that tell a moment before or after, a sum would be of too few. */
const enough = 0.8;

/** The last `most` seconds of several containers as one. */
export function summedReadings(all: readonly (readonly StatsReading[])[], most: number): SummedReadings {
  const seconds = new Map<number, Sum>();
  for (const readings of all) addTo(seconds, readings.slice(-most));
  // not all have told in the first second, nor yet in the last ones
  const times = [...seconds.keys()]
    .sort((a, b) => a - b)
    .slice(1, -countsSeconds)
    .slice(-most);
  const whole = times.flatMap((time, index) => {
    const before = times[index - 1];
    return before === undefined || time === before + 1 ? [time] : [before + 1, time];
  });
  const valuesOf = (of: (sum: Sum) => number): (number | null)[] =>
    whole.map(time => {
      const sum = seconds.get(time);
      return sum && sum.count >= enough * mostAround(seconds, time) ? of(sum) : null;
    });
  return { times: whole, cpuPercent: valuesOf(({ cpu }) => cpu), memoryBytes: valuesOf(({ memory }) => memory) };
}

function mostAround(seconds: ReadonlyMap<number, Sum>, time: number): number {
  let most = 0;
  for (let second = time - countsSeconds; second <= time + countsSeconds; second++)
    most = Math.max(most, seconds.get(second)?.count ?? 0);
  return most;
}

function addTo(seconds: Map<number, Sum>, readings: readonly StatsReading[]): void {
  readings.forEach(({ time, cpuPercent, memoryBytes }, index) => {
    const first = Math.round(time / 1000);
    const next = readings[index + 1];
    const end = Math.min(first + countsSeconds, next ? Math.round(next.time / 1000) : Number.POSITIVE_INFINITY);
    for (let second = first; second < end; second++) {
      const sum = seconds.get(second) ?? { cpu: 0, memory: 0, count: 0 };
      sum.cpu += cpuPercent;
      sum.memory += memoryBytes;
      sum.count++;
      seconds.set(second, sum);
    }
  });
}
