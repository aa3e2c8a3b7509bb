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
  /** The networks that it is on; the address is empty while it does not run. */
  networks: { name: string; address: string }[];
  /** The files that its compose project was started from; empty without one. */
  composeFiles: string[];
  /** The folder of its compose project. */
  composeFolder: string;
}

export interface PublishedPort {
  text: string;
  /** Opens it in a browser; only what speaks TCP. */
  link: string | undefined;
}

const project = 'com.docker.compose.project';
const service = 'com.docker.compose.service';
const composeFiles = 'com.docker.compose.project.config_files';
const composeFolder = 'com.docker.compose.project.working_dir';

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
    networks: Object.entries(summary.NetworkSettings.Networks).map(([network, { IPAddress }]) => ({
      name: network,
      address: IPAddress ?? '',
    })),
    composeFiles: (Labels[composeFiles] ?? '').split(',').filter(Boolean),
    composeFolder: Labels[composeFolder] ?? '',
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

/** What the search of a list looks at; `state:running` and the like are words, too. */
export const containerWords = (row: ContainerRow): string =>
  [
    row.name,
    row.image,
    row.id,
    row.project,
    `state:${row.state}`,
    row.status,
    ...row.ports.map(({ text }) => text),
  ].join(' ');
