import type { ContainerStatus, ContainerSummary, PortSummary } from '../../contracts/docker/containers.ts';

/** A container as the list shows it. */
export interface ContainerRow {
  id: string;
  name: string;
  image: string;
  state: ContainerStatus;
  /** Docker's own words: `Up 3 minutes (healthy)`. */
  status: string;
  health: 'healthy' | 'unhealthy' | 'starting' | undefined;
  project: string;
  service: string;
  /** Milliseconds since 1970. */
  created: number;
  ports: PublishedPort[];
  command: string;
}

export interface PublishedPort {
  text: string;
  /** Opens it in a browser; only what speaks TCP. */
  link: string | undefined;
}

const project = 'com.docker.compose.project';
const service = 'com.docker.compose.service';

export function containerRow(summary: ContainerSummary): ContainerRow {
  const { Id, Names, Image, State, Status, Labels, Created, Ports, Command } = summary;
  return {
    id: Id,
    name: (Names[0] ?? `/${Id.slice(0, 12)}`).slice(1),
    image: Image,
    state: State,
    status: Status,
    health: healthIn(Status),
    project: Labels[project] ?? '',
    service: Labels[service] ?? '',
    created: Created * 1000,
    ports: publishedPorts(Ports),
    command: Command,
  };
}

function healthIn(status: string): ContainerRow['health'] {
  if (status.includes('(unhealthy)')) return 'unhealthy';
  if (status.includes('(healthy)')) return 'healthy';
  return status.includes('(health: starting)') ? 'starting' : undefined;
}

/** One entry a port, whatever the number of addresses that it is published on; exposed ports come without a link. */
export function publishedPorts(ports: readonly PortSummary[]): PublishedPort[] {
  const found = new Map<string, PublishedPort>();
  for (const { IP, PrivatePort, PublicPort, Type } of ports) {
    const suffix = Type === 'tcp' ? '' : `/${Type}`;
    const text = PublicPort ? `${PublicPort}:${PrivatePort}${suffix}` : `${PrivatePort}${suffix}`;
    if (found.has(text)) continue;
    const host = !IP || IP === '0.0.0.0' || IP === '::' ? 'localhost' : IP.includes(':') ? `[${IP}]` : IP;
    const scheme = PrivatePort === 443 || PrivatePort === 8443 ? 'https' : 'http';
    found.set(text, { text, link: PublicPort && Type === 'tcp' ? `${scheme}://${host}:${PublicPort}` : undefined });
  }
  return [...found.values()];
}

export type SortKey = 'name' | 'image' | 'state' | 'created' | 'cpu' | 'memory';
export interface Sorting {
  key: SortKey;
  down: boolean;
}

/** The live numbers that rows are sorted by. */
export type LiveNumbers = (id: string) => { cpuPercent: number; memoryBytes: number } | undefined;

/** Rows that hold every word of `search` (in name, image, id, project, state, ports). `state:running` and the like are words, too. */
export function matchingRows(rows: readonly ContainerRow[], search: string): ContainerRow[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [...rows];
  return rows.filter(row => {
    const ports = row.ports.map(({ text }) => text).join(' ');
    const text =
      `${row.name} ${row.image} ${row.id} ${row.project} state:${row.state} ${row.status} ${ports}`.toLowerCase();
    return words.every(word => text.includes(word));
  });
}

export function sortedRows(rows: readonly ContainerRow[], { key, down }: Sorting, live: LiveNumbers): ContainerRow[] {
  const sign = down ? -1 : 1;
  const number = (row: ContainerRow): number => {
    if (key === 'created') return row.created;
    const numbers = live(row.id);
    return (key === 'cpu' ? numbers?.cpuPercent : numbers?.memoryBytes) ?? -1;
  };
  if (key === 'created' || key === 'cpu' || key === 'memory')
    return rows.toSorted((a, b) => sign * (number(a) - number(b)) || collator.compare(a.name, b.name));
  return rows.toSorted((a, b) => sign * collator.compare(a[key], b[key]) || collator.compare(a.name, b.name));
}

const collator = new Intl.Collator('en', { numeric: true });

/** A line of the list: a project's head, or a container. */
export type ListLine = { key: string; group: string; rows: ContainerRow[] } | { key: string; row: ContainerRow };

/** Projects in their order of names, each with its containers below unless it is folded; then what belongs to none. */
export function groupedLines(rows: readonly ContainerRow[], folded: ReadonlySet<string>): ListLine[] {
  const groups = Map.groupBy(rows, row => row.project);
  const names = [...groups.keys()].filter(Boolean).sort(collator.compare);
  const lines = (group: string): ListLine[] => (groups.get(group) ?? []).map(row => ({ key: row.id, row }));
  return [
    ...names.flatMap(group => [
      { key: `project ${group}`, group, rows: groups.get(group) ?? [] },
      ...(folded.has(group) ? [] : lines(group)),
    ]),
    ...lines(''),
  ];
}
