import type { ContainerSummary, HealthStatus, PortSummary } from '../../contracts/docker/containers.ts';
import { booleanFilter } from '../../contracts/docker/filters.ts';
import { internal, invalidArgument } from '../../contracts/errors.ts';
import type { Image } from '../images/index.ts';
import { commandOf } from './config.ts';
import type { ContainerActor } from './container.ts';
import type { ContainerRecord } from './container-record.ts';
import { type ContainerState, isAlive, type Status } from './container-state.ts';
import type { EngineContext } from './context.ts';
import type { Filters } from './engine.ts';
import { assertFilters, matchesExactly, matchesLabels, textFilter, wanted } from './filters.ts';
import { networkDocuments, sizesOf } from './inspect.ts';
import { mountPoints } from './mounts.ts';
import { parsePort } from './network-request.ts';

const accepted = [
  'ancestor',
  'before',
  'exited',
  'id',
  'isolation',
  'label',
  'name',
  'status',
  'health',
  'since',
  'volume',
  'network',
  'is-task',
  'publish',
  'expose',
];
const healths: readonly string[] = ['none', 'starting', 'healthy', 'unhealthy'];
const statuses: readonly string[] = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];

export interface ListQuery {
  all?: boolean;
  limit?: number;
  size?: boolean;
  filters?: Filters;
}

/** `docker ps`: newest first. @throws invalid-argument for a filter that is none */
export async function listContainers(query: ListQuery, context: EngineContext): Promise<ContainerSummary[]> {
  const filters = query.filters ?? {};
  assertFilters(filters, accepted);
  checkStatuses(filters);
  const everything =
    query.all || query.limit || wanted(filters, 'status').length > 0 || wanted(filters, 'exited').length > 0;
  const between = boundsOf(filters, context);
  const isNamed = await textFilter(filters, 'name');
  const chosen = newestFirst(context.index.all()).filter(
    container =>
      (everything || container.live !== undefined || container.status === 'restarting') &&
      between(container) &&
      (isNamed(container.record.name) || isNamed(`/${container.record.name}`)) &&
      containerMatches(container, filters, context),
  );
  const now = new Date();
  return Promise.all(
    chosen.slice(0, query.limit || undefined).map(async container => ({
      ...toSummary(container, now),
      ...(query.size ? await sizesOf(container.record, context) : {}),
    })),
  );
}

/** As every list shows them. */
export const newestFirst = (containers: ContainerActor[]): ContainerActor[] =>
  containers.sort((left, right) => (left.record.createdAt < right.record.createdAt ? 1 : -1));

function checkStatuses(filters: Filters): void {
  for (const status of wanted(filters, 'status')) {
    if (!statuses.includes(status))
      throw invalidArgument(
        `invalid filter 'status=${status}': invalid value for state (${status}): must be one of ${statuses.join(', ')}`,
      );
  }
  for (const code of wanted(filters, 'exited')) {
    if (!/^-?\d+$/.test(code))
      throw invalidArgument(
        `invalid filter 'exited=${code}': strconv.Atoi: parsing ${JSON.stringify(code)}: invalid syntax`,
      );
  }
  for (const health of wanted(filters, 'health')) {
    if (!healths.includes(health))
      throw invalidArgument(
        `invalid filter 'health=${health}': invalid value for health (${health}): must be one of ${healths.join(', ')}`,
      );
  }
}

/** `before` and `since` name containers. */
function boundsOf(filters: Filters, { index }: EngineContext): (container: ContainerActor) => boolean {
  const moments = (key: string): string[] =>
    wanted(filters, key).map(ref => index.getByRef(ref as Parameters<typeof index.getByRef>[0]).record.createdAt);
  const [before, since] = [moments('before'), moments('since')];
  return ({ record }) =>
    before.every(moment => record.createdAt < moment) && since.every(moment => record.createdAt > moment);
}

function containerMatches(container: ContainerActor, filters: Filters, context: EngineContext): boolean {
  const { record } = container;
  const { state } = record;
  const exited = wanted(filters, 'exited');
  return (
    (wanted(filters, 'id').length === 0 || wanted(filters, 'id').some(prefix => record.id.startsWith(prefix))) &&
    matchesLabels(wanted(filters, 'label'), record.config.Labels) &&
    matchesExactly(filters, 'status', container.status) &&
    (exited.length === 0 || ('exitCode' in state && exited.includes(String(state.exitCode)))) &&
    matchesExactly(filters, 'health', record.health?.Status ?? 'none') &&
    matchesExactly(filters, 'isolation', 'default') &&
    booleanFilter(filters, 'is-task') !== true &&
    matchesAncestor(record, filters, context) &&
    matchesVolume(record, filters) &&
    matchesNetwork(container, filters) &&
    matchesPorts(container, filters)
  );
}

function matchesAncestor(record: ContainerRecord, filters: Filters, { rooms }: EngineContext): boolean {
  const wishes = wanted(filters, 'ancestor');
  return (
    wishes.length === 0 ||
    wishes.some(name => name === record.image.reference || standsFor(rooms.images.find(name), record.image.id))
  );
}

/** True for the image, and for one of the platforms that go by its name. */
const standsFor = (image: Image | undefined, id: string): boolean =>
  image !== undefined && [image.id, ...image.siblings].some(each => each === id);

function matchesVolume(record: ContainerRecord, filters: Filters): boolean {
  const wishes = wanted(filters, 'volume');
  return (
    wishes.length === 0 ||
    record.mounts.some(mount => wishes.includes(mount.name) || wishes.includes(mount.destination))
  );
}

function matchesNetwork(container: ContainerActor, filters: Filters): boolean {
  const wishes = wanted(filters, 'network');
  if (wishes.length === 0) return true;
  const networks = Object.entries(networkDocuments(container.record, container.live !== undefined));
  return networks.some(
    ([name, { NetworkID }]) => wishes.includes(name) || (NetworkID && wishes.some(wish => NetworkID.startsWith(wish))),
  );
}

/** One of the ports is published or exposed as it is wished, while the container runs (moby daemon/list.go). */
function matchesPorts({ record, live }: ContainerActor, filters: Filters): boolean {
  const published = portsOf(filters, 'publish');
  const exposed = portsOf(filters, 'expose');
  if (published.size === 0 && exposed.size === 0) return true;
  return portSummaries((live && record.ports) ?? {}).some(
    ({ PublicPort, PrivatePort, Type }) =>
      published.has(`${PublicPort ?? 0}/${Type}`) || exposed.has(`${PrivatePort}/${Type}`),
  );
}

/** `80`, `80/udp`, `80-90/tcp`, each port on its own. @throws internal in dockerd's words */
function portsOf(filters: Filters, key: 'publish' | 'expose'): Set<string> {
  const ports = new Set<string>();
  for (const wish of wanted(filters, key)) {
    const [range = '', protocol = 'tcp'] = wish.split('/');
    const [first = '', last = first] = range.split('-');
    const wrong = [first, last].find(text => !/^\d+$/.test(text));
    if (wrong !== undefined) {
      const reason = `strconv.ParseUint: parsing ${JSON.stringify(wrong)}: invalid syntax`;
      throw internal(`error while looking up for ${key} ${wish}: ${reason}`);
    }
    for (let port = Number(first); port <= Math.min(Number(last), 65_535); port++) ports.add(`${port}/${protocol}`);
  }
  return ports;
}

/** One entry of the list. */
export function toSummary(container: ContainerActor, now: Date): ContainerSummary {
  const { record, live } = container;
  const { Annotations } = record.hostConfig;
  return {
    Id: record.id,
    Names: [`/${record.name}`],
    Image: record.image.reference,
    ImageID: record.image.id,
    Command: shellWords(commandOf(record.config)),
    Created: Math.floor(Date.parse(record.createdAt) / 1000),
    Ports: live ? portSummaries(record.ports ?? {}) : [],
    Labels: record.config.Labels ?? {},
    State: container.status,
    Status: statusText(record.state, container.status, now, record.health?.Status),
    HostConfig: { NetworkMode: record.hostConfig.NetworkMode ?? 'bridge', ...(Annotations ? { Annotations } : {}) },
    NetworkSettings: { Networks: networkDocuments(record, live !== undefined) },
    Mounts: mountPoints(record),
  };
}

/** Arguments with a blank in them get quotes, as dockerd shows a command. */
const shellWords = (words: readonly string[]): string =>
  words.map((word, at) => (at > 0 && /\s/.test(word) ? `'${word}'` : word)).join(' ');

function portSummaries(ports: NonNullable<ContainerRecord['ports']>): PortSummary[] {
  return Object.entries(ports).flatMap(([port, bindings]) => {
    const { containerPort, protocol } = parsePort(port);
    if (!bindings?.length) return [{ PrivatePort: containerPort, Type: protocol }];
    return bindings.map(({ HostIp, HostPort }) => ({
      IP: HostIp,
      PrivatePort: containerPort,
      ...(HostPort && { PublicPort: Number(HostPort) }),
      Type: protocol,
    }));
  });
}

/** `Up 3 minutes`, `Exited (0) 2 hours ago`. */
export function statusText(state: ContainerState, status: Status, now: Date, health?: HealthStatus): string {
  if (status === 'removing') return 'Removal In Progress';
  if (isAlive(state)) {
    const aside = state.status === 'paused' ? ' (Paused)' : health ? ` (${healthText(health)})` : '';
    return `Up ${humanDuration(now.getTime() - Date.parse(state.startedAt))}${aside}`;
  }
  if (state.status === 'created') return 'Created';
  if (state.status === 'dead') return 'Dead';
  const ago = `${humanDuration(now.getTime() - Date.parse(state.finishedAt))} ago`;
  const code = state.status === 'exited' ? (state.failure?.exitCode ?? state.exitCode) : state.exitCode;
  return `${state.status === 'restarting' ? 'Restarting' : 'Exited'} (${code}) ${ago}`;
}

const healthText = (status: HealthStatus): string => (status === 'starting' ? 'health: starting' : status);

/** Docker's words for a duration (go-units HumanDuration). */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.floor(ms / 3_600_000 + 0.5);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(hours / 24 / 365)} years`;
}
