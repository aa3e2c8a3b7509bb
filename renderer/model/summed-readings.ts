import type { StatsReading } from '../../contracts/bridge.ts';

/** What all containers use together, second by second. Times in seconds since 1970. */
export interface SummedReadings {
  times: number[];
  cpuPercent: number[];
  memoryBytes: number[];
}

/** The last `most` seconds of several containers as one. */
export function summedReadings(all: readonly (readonly StatsReading[])[], most: number): SummedReadings {
  const seconds = new Map<number, { cpu: number; memory: number }>();
  for (const readings of all) {
    for (const { time, cpuPercent, memoryBytes } of readings.slice(-most)) {
      const second = Math.round(time / 1000);
      const sum = seconds.get(second) ?? { cpu: 0, memory: 0 };
      seconds.set(second, { cpu: sum.cpu + cpuPercent, memory: sum.memory + memoryBytes });
    }
  }
  // not all have told in the first second, nor yet in the last
  const times = [...seconds.keys()]
    .sort((a, b) => a - b)
    .slice(1, -1)
    .slice(-most);
  return {
    times,
    cpuPercent: times.map(time => seconds.get(time)?.cpu ?? 0),
    memoryBytes: times.map(time => seconds.get(time)?.memory ?? 0),
  };
}
