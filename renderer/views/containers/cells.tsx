import type { VNode } from 'vue';
import type { StatsReading } from '../../../contracts/bridge.ts';
import { age, type ListColumn } from '../../components/index.ts';
import { type ContainerRow, compareTexts, memorySize, percent } from '../../model/index.ts';
import { t, useStats } from '../../stores/index.ts';
import { containerState } from './state.tsx';

/** What the list of containers shows of each. */
export function containerColumns(): ListColumn<ContainerRow>[] {
  const texts = t().common;
  const byText = (of: (row: ContainerRow) => string) => (left: ContainerRow, right: ContainerRow) =>
    compareTexts(of(left), of(right)) || compareTexts(left.name, right.name);
  const byNumber = (of: (row: ContainerRow) => number) => (left: ContainerRow, right: ContainerRow) =>
    of(left) - of(right) || compareTexts(left.name, right.name);
  const cpu = (row: ContainerRow): number => useStats().latest(row.id)?.cpuPercent ?? -1;
  const memory = (row: ContainerRow): number => useStats().latest(row.id)?.memoryBytes ?? -1;
  return [
    {
      key: 'name',
      label: texts.name,
      width: 'minmax(110px, 1.6fr)',
      fixed: true,
      compare: byText(row => row.name),
      cell: row => <span title={row.name}>{row.name}</span>,
    },
    {
      key: 'image',
      spare: true,
      label: texts.image,
      width: 'minmax(100px, 1.4fr)',
      aside: true,
      compare: byText(row => row.image),
      cell: row => (
        <span class="soft" title={row.image}>
          {row.image}
        </span>
      ),
    },
    {
      key: 'state',
      label: texts.state,
      width: 'minmax(108px, 0.8fr)',
      compare: byText(row => row.state),
      cell: containerState,
    },
    {
      key: 'cpu',
      label: texts.cpu,
      width: '84px',
      end: true,
      compare: byNumber(cpu),
      cell: row => live(row, ({ cpuPercent }) => percent(cpuPercent)),
    },
    {
      key: 'memory',
      label: texts.memory,
      width: '100px',
      end: true,
      compare: byNumber(memory),
      cell: row => live(row, ({ memoryBytes }) => memorySize(memoryBytes)),
    },
    { key: 'ports', label: texts.ports, width: 'minmax(90px, 1fr)', aside: true, cell: ports },
    {
      key: 'created',
      spare: true,
      label: texts.created,
      width: '128px',
      aside: true,
      compare: byNumber(row => row.created),
      cell: row => age(row.created),
    },
  ];
}

function live(row: ContainerRow, text: (reading: StatsReading) => string): string {
  const reading = row.state === 'running' ? useStats().latest(row.id) : undefined;
  return reading ? text(reading) : '–';
}

const ports = (row: ContainerRow): VNode => (
  <span class="mono">
    {row.ports.map(({ text, link }, index) => [
      index > 0 ? ' ' : '',
      link ? (
        <a key={text} href={link} target="_blank" rel="noopener noreferrer">
          {text}
        </a>
      ) : (
        <span key={text} class="soft">
          {text}
        </span>
      ),
    ])}
  </span>
);
