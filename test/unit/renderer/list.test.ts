import { expect, test } from 'vitest';
import type { StatsReading } from '../../../contracts/bridge.ts';
import { inOrder, movedTo, ratesOf, statsSeries, summedReadings } from '../../../renderer/model/index.ts';

test('columns come in the order that was chosen; what it does not name stays where it is', () => {
  const columns = ['name', 'image', 'state', 'cpu', 'ports'].map(key => ({ key }));
  const keys = (order: readonly string[]) => inOrder(columns, order).map(({ key }) => key);
  expect(keys([])).toEqual(['name', 'image', 'state', 'cpu', 'ports']);
  expect(keys(['ports', 'image', 'state', 'cpu'])).toEqual(['name', 'ports', 'image', 'state', 'cpu']);
  // `cpu` is a column that came with a newer version, `gone` one that went
  expect(keys(['ports', 'gone', 'state', 'image'])).toEqual(['name', 'ports', 'state', 'cpu', 'image']);
  expect(movedTo(['a', 'b', 'c'], 'c', 0)).toEqual(['c', 'a', 'b']);
  expect(movedTo(['a', 'b', 'c'], 'a', 1)).toEqual(['b', 'a', 'c']);
});

const reading = (second: number): StatsReading => ({
  ...{ time: second * 1000, cpuPercent: second, processors: 2, memoryBytes: 1, memoryLimit: 2, processes: 1 },
  ...{ received: second * 100, sent: 0, read: 0, written: 0 },
});

test('readings have a hole where nobody measured, and rates begin anew after it', () => {
  const all = [1, 2, 30, 31, 32].map(reading);
  const series = statsSeries(all, 60);
  expect(series.times).toEqual([1, 2, 3, 30, 31, 32]);
  expect(series.readings.map(each => each?.cpuPercent)).toEqual([1, 2, undefined, 30, 31, 32]);
  expect(ratesOf(series, each => each.received)).toEqual([null, 100, null, null, 100, 100]);
  expect(statsSeries(all, 1).times).toEqual([31, 32]);
  expect(statsSeries([], 60)).toEqual({ times: [], readings: [] });
});

test('what several use is summed: one that is late counts as it was, a hole stays one', () => {
  const all = [[1, 2, 3, 4, 5, 20, 21, 22, 23, 24].map(reading), [1, 2, 5, 20, 21, 22, 23, 24].map(reading)];
  const { times, cpuPercent, memoryBytes } = summedReadings(all, 600);
  expect(times).toEqual([2, 3, 4, 5, 6, 7, 8, 20, 21, 22, 23]);
  expect(cpuPercent).toEqual([4, 5, 6, 10, 10, 10, null, 40, 42, 44, 46]);
  expect(memoryBytes.at(-1)).toBe(2);
});

test('a sum of few of many is none', () => {
  const told = Array.from({ length: 20 }, (_, index) => reading(index + 1));
  const late = told.filter(({ time }) => time <= 4000 || time >= 12_000);
  const { times, cpuPercent } = summedReadings([told, told, ...Array.from({ length: 8 }, () => late)], 600);
  const at = (second: number) => cpuPercent[times.indexOf(second)];
  expect([4, 6, 7, 8, 11, 12].map(at)).toEqual([40, 44, null, null, null, 120]);
});
