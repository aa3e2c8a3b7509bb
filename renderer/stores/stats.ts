import { defineStore } from 'pinia';
import { onScopeDispose, shallowRef, triggerRef, watch } from 'vue';
import type { StatsReading } from '../../contracts/bridge.ts';
import type { OpenStream } from '../bridge/index.ts';
import { bridge } from './clients.ts';
import { useContainers } from './containers.ts';

/** An hour of readings. */
const kept = 3600;
const drawMs = 500;

/** What running containers use, measured only while a view shows it. */
export const useStats = defineStore('stats', () => {
  const history = shallowRef(new Map<string, StatsReading[]>());
  const streams = new Map<string, OpenStream>();
  const containers = useContainers();
  let watchers = 0;
  let drawing: ReturnType<typeof setTimeout> | undefined;

  function take(id: string, reading: StatsReading): void {
    const readings = history.value.get(id) ?? [];
    readings.push(reading);
    if (readings.length > kept) readings.splice(0, readings.length - kept);
    history.value.set(id, readings);
    // fifty containers tell within a second, each when it likes: they are drawn together
    if (drawing === undefined) {
      drawing = setTimeout(() => {
        drawing = undefined;
        triggerRef(history);
      }, drawMs);
    }
  }

  /** What a container used that is gone nobody asks for. */
  function forget(): void {
    for (const id of history.value.keys()) if (!containers.row(id)) history.value.delete(id);
  }

  function match(): void {
    forget();
    const wanted = new Set(watchers > 0 ? containers.running.map(({ id }) => id) : []);
    for (const [id, stream] of streams) {
      if (wanted.has(id)) continue;
      stream.cancel();
      streams.delete(id);
    }
    for (const id of wanted) {
      if (streams.has(id)) continue;
      const reader = {
        item: (reading: unknown) => take(id, reading as StatsReading),
        ended: () => void streams.delete(id),
      };
      streams.set(id, bridge.open('stats', { container: id }, reader));
    }
  }
  watch(() => containers.running, match);

  /** Measures as long as the view that calls it is there. */
  function show(): void {
    watchers++;
    match();
    onScopeDispose(() => {
      watchers--;
      match();
    });
  }

  const of = (id: string): readonly StatsReading[] => history.value.get(id) ?? [];
  const latest = (id: string): StatsReading | undefined => history.value.get(id)?.at(-1);
  return { show, of, latest };
});
