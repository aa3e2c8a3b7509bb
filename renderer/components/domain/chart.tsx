import uPlot from 'uplot';
import { defineComponent, onBeforeUnmount, onMounted, ref, type VNode, watch } from 'vue';
import 'uplot/dist/uPlot.min.css';

export interface ChartLine {
  label: string;
  values: readonly (number | null)[];
  /** A token of the theme. */
  colour: string;
  dashed?: boolean;
}

export interface ChartProps {
  title: string;
  /** Seconds since 1970. */
  times: readonly number[];
  lines: readonly ChartLine[];
  format: (value: number) => string;
  /** The chart is at least so high: nothing looks like nothing. */
  least: number;
  dark: boolean;
  /** Beside the legend. */
  note?: string | undefined;
  /** Its numbers are of memory, which comes in powers of two. */
  binary?: boolean;
}

/** In pixels, with the times below it. */
const height = 112;
/** Room at the right for half of the last time below the lines, in pixels. */
const halfClock = 26;

const token = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const clock = (seconds: number): string => new Date(seconds * 1000).toTimeString().slice(0, 8);

/** Distances between the lines of a chart of memory. */
const powersOfTwo = Array.from({ length: 50 }, (_, power) => 2 ** power);

/** So much time is shown at least: what has just begun grows from the right. */
const shortestSeconds = 60;

/** From when to when, in seconds. Before the first reading the plot knows no times: its axis ends now. */
function spanOf(first: number | null, last: number | null): [number, number] {
  const end = last ?? Date.now() / 1000;
  return [Math.min(first ?? end, end - shortestSeconds), end];
}

/** Lines over time. All charts of a page move their cursors together. */
export const Chart = defineComponent(
  (props: ChartProps) => {
    const box = ref<HTMLElement | null>(null);
    let plot: uPlot | undefined;
    let resized: ResizeObserver | undefined;

    const data = (): uPlot.AlignedData => [[...props.times], ...props.lines.map(({ values }) => [...values])];
    const axis = (): uPlot.Axis => ({
      stroke: token('--text-soft'),
      grid: { stroke: token('--line'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui',
    });

    function make(): void {
      plot?.destroy();
      if (!box.value) return;
      const options: uPlot.Options = {
        width: box.value.clientWidth,
        height,
        padding: [8, halfClock, 0, 0],
        legend: { show: false },
        cursor: { sync: { key: 'berth' }, y: false },
        scales: {
          x: { range: (_plot, first, last) => spanOf(first, last) },
          y: { range: (_plot, _least, most) => [0, Math.max(most * 1.1, props.least)] },
        },
        axes: [
          { ...axis(), size: 28, gap: 8, space: 90, values: (_plot, times) => times.map(clock) },
          {
            ...axis(),
            size: 64,
            space: 20,
            values: (_plot, values) => values.map(props.format),
            ...(props.binary && { incrs: powersOfTwo }),
          },
        ],
        series: [
          {},
          ...props.lines.map(({ label, colour, dashed }) => ({
            label,
            stroke: token(colour),
            width: 1.5,
            points: { show: false },
            ...(dashed && { dash: [4, 4] }),
          })),
        ],
      };
      plot = new uPlot(options, data(), box.value);
    }

    onMounted(() => {
      make();
      resized = new ResizeObserver(() => plot?.setSize({ width: box.value?.clientWidth ?? 300, height }));
      if (box.value) resized.observe(box.value);
    });
    watch(
      () => props.times,
      () => plot?.setData(data()),
    );
    watch(
      () => props.dark,
      () => requestAnimationFrame(make),
    );
    onBeforeUnmount(() => {
      resized?.disconnect();
      plot?.destroy();
    });

    const legend = (): VNode[] =>
      props.lines.map(({ label, values, colour }) => {
        const last = values.at(-1);
        return (
          <span key={label}>
            <i style={{ background: `var(${colour})` }} />
            {/* the title says it already */}
            <span class={label === props.title ? 'visually-hidden' : undefined}>{label}</span>{' '}
            {last === null || last === undefined ? '–' : props.format(last)}
          </span>
        );
      });
    return () => (
      <figure class="chart" style={{ margin: '0 0 16px' }}>
        <figcaption class="row">
          <h2>{props.title}</h2>
          <span class="legend">
            {legend()}
            {props.note && <span>{props.note}</span>}
          </span>
        </figcaption>
        <div ref={box} aria-hidden="true" />
      </figure>
    );
  },
  { props: ['title', 'times', 'lines', 'format', 'least', 'dark', 'note', 'binary'] },
);
