import { computed, defineComponent } from 'vue';
import type { StatsReading } from '../../../contracts/bridge.ts';
import { Chart } from '../../components/charts.ts';
import { byteSize, memorySize, percent } from '../../model/index.ts';
import { t, useContainers, usePreferences, useStats } from '../../stores/index.ts';

/** Ten minutes of CPU, memory, network and disk over one axis of time. */
export const Statistics = defineComponent(
  (props: { id: string }) => {
    const stats = useStats();
    const containers = useContainers();
    const preferences = usePreferences();
    stats.show();
    const readings = computed(() => stats.of(props.id).slice(-600));
    const times = computed(() => readings.value.map(({ time }) => time / 1000));
    const limit = computed(() => limitWorthShowing(readings.value));

    return () => {
      const texts = t().stats;
      const all = readings.value;
      const running = containers.row(props.id)?.state === 'running';
      const rate = (of: (reading: StatsReading) => number): (number | null)[] => ratesOf(all, of);
      const common = { times: times.value, dark: preferences.dark };
      const speed = (value: number): string => byteSize(value) + texts.perSecond;
      return (
        <div class="body">
          {!running && <p class="soft">{texts.stopped}</p>}
          <Chart
            {...common}
            title={texts.cpu}
            format={percent}
            least={1}
            lines={[{ label: texts.cpu, values: all.map(each => each.cpuPercent), colour: '--accent' }]}
          />
          <Chart
            {...common}
            title={texts.memory}
            format={memorySize}
            least={1024}
            lines={[
              { label: texts.memory, values: all.map(each => each.memoryBytes), colour: '--accent' },
              ...(limit.value
                ? [{ label: texts.limit, values: all.map(() => limit.value), colour: '--failed', dashed: true }]
                : []),
            ]}
          />
          <Chart
            {...common}
            title={texts.network}
            format={speed}
            least={1000}
            lines={[
              { label: texts.received, values: rate(each => each.received), colour: '--accent' },
              { label: texts.sent, values: rate(each => each.sent), colour: '--warning' },
            ]}
          />
          <Chart
            {...common}
            title={texts.disk}
            format={speed}
            least={1000}
            lines={[
              { label: texts.read, values: rate(each => each.read), colour: '--accent' },
              { label: texts.written, values: rate(each => each.written), colour: '--warning' },
            ]}
          />
          <p class="soft">
            {texts.processes}: {all.at(-1)?.processes ?? '–'}
          </p>
        </div>
      );
    };
  },
  { props: ['id'] },
);

/** A limit far above the use (the whole machine's memory) would flatten the line. */
function limitWorthShowing(readings: readonly StatsReading[]): number {
  const last = readings.at(-1);
  return last && last.memoryLimit < last.memoryBytes * 8 ? last.memoryLimit : 0;
}

function ratesOf(readings: readonly StatsReading[], of: (reading: StatsReading) => number): (number | null)[] {
  return readings.map((reading, index) => {
    const before = readings[index - 1];
    const seconds = before ? (reading.time - before.time) / 1000 : 0;
    return before && seconds > 0 ? Math.max(0, (of(reading) - of(before)) / seconds) : null;
  });
}
