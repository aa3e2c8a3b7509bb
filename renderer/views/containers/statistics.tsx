import { computed, defineComponent, ref, type VNode } from 'vue';
import type { StatsReading } from '../../../contracts/bridge.ts';
import { Chart, type ChartLine } from '../../components/charts.ts';
import { selectField } from '../../components/index.ts';
import { byteSize, memorySize, percent, ratesOf, statsSeries } from '../../model/index.ts';
import { t, useContainers, usePreferences, useStats } from '../../stores/index.ts';

type Span = keyof ReturnType<typeof t>['stats']['spans'];

/** CPU, memory, network and disk over one axis of time, as far back as an hour. */
export const Statistics = defineComponent(
  (props: { id: string }) => {
    const stats = useStats();
    const containers = useContainers();
    const preferences = usePreferences();
    stats.show();
    const span = ref<Span>('600');
    const series = computed(() => statsSeries(stats.of(props.id), Number(span.value)));
    const last = computed(() => series.value.readings.at(-1));

    const values = (of: (reading: StatsReading) => number): (number | null)[] =>
      series.value.readings.map(reading => (reading ? of(reading) : null));
    const rates = (of: (reading: StatsReading) => number): (number | null)[] => ratesOf(series.value, of);
    const speed = (value: number): string => byteSize(value) + t().stats.perSecond;

    const chart = (
      title: string,
      format: (value: number) => string,
      least: number,
      lines: ChartLine[],
      more: { note?: string; binary?: boolean } = {},
    ): VNode => (
      <Chart {...{ title, format, least, lines, ...more }} times={series.value.times} dark={preferences.dark} />
    );

    const memory = (): VNode => {
      const texts = t().stats;
      const limit = last.value?.memoryLimit ?? 0;
      const drawn = limitWorthShowing(last.value);
      const line = { label: texts.memory, values: values(each => each.memoryBytes), colour: '--accent' };
      const limitLine = { label: texts.limit, values: values(() => limit), colour: '--failed', dashed: true };
      const note = limit > 0 && !drawn ? texts.ofLimit(memorySize(limit)) : undefined;
      return chart(texts.memory, memorySize, 1024, drawn ? [line, limitLine] : [line], { note, binary: true });
    };

    const toolbar = (): VNode => {
      const texts = t().stats;
      const running = containers.row(props.id)?.state === 'running';
      return (
        <div class="toolbar">
          {selectField<Span>({
            ...{ id: 'stats-span', label: texts.span, hideLabel: true, value: span.value, choices: texts.spans },
            change: value => {
              span.value = value;
            },
          })}
          <span class="soft grow ellipsis" title={texts.hint}>
            {running ? texts.hint : texts.stopped}
          </span>
          <span class="soft">
            {texts.processes}: {last.value?.processes ?? '–'}
          </span>
        </div>
      );
    };

    return () => {
      const texts = t().stats;
      return (
        <div class="view">
          {toolbar()}
          <div class="body" tabindex={0}>
            {chart(texts.cpu, percent, 1, [
              { label: texts.cpu, values: values(each => each.cpuPercent), colour: '--accent' },
            ])}
            {memory()}
            {chart(texts.network, speed, 1000, [
              { label: texts.received, values: rates(each => each.received), colour: '--accent' },
              { label: texts.sent, values: rates(each => each.sent), colour: '--warning' },
            ])}
            {chart(texts.disk, speed, 1000, [
              { label: texts.read, values: rates(each => each.read), colour: '--accent' },
              { label: texts.written, values: rates(each => each.written), colour: '--warning' },
            ])}
          </div>
        </div>
      );
    };
  },
  { props: ['id'] },
);

/** A limit far above the use (the whole machine's memory) would flatten the line. */
const limitWorthShowing = (last: StatsReading | undefined): boolean =>
  last !== undefined && last.memoryLimit < last.memoryBytes * 8;
