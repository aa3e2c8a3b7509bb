import { httpJson } from '../../base/http-client.ts';
import type { NativeEngine } from '../support/engine.ts';

/** What runs in a harbour: projects with their services, as `name image port`; a port is published on one of the host's. */
const projects: Readonly<Record<string, readonly string[]>> = {
  billing: [
    'api node:26-alpine 3000',
    'cache redis:8',
    'db postgres:18',
    'web nginx:1.29 80',
    'worker-1 node:26-alpine',
    'worker-2 node:26-alpine',
    'worker-3 node:26-alpine',
  ],
  blog: ['cache redis:8', 'db mariadb:12', 'web ghost:6 2368'],
  identity: ['db postgres:18', 'keycloak quay.io/keycloak/keycloak:26.4 8443', 'proxy nginx:1.29 443'],
  metrics: [
    'alertmanager prom/alertmanager:v0.29 9093',
    'grafana grafana/grafana:12.3 3000',
    'loki grafana/loki:3.6',
    'node-exporter prom/node-exporter:v1.10',
    'prometheus prom/prometheus:v3.8 9090',
  ],
  search: [
    'dashboard opensearch/dashboards:3 5601',
    'node-1 opensearch:3',
    'node-2 opensearch:3',
    'node-3 opensearch:3',
  ],
  shop: [
    'api node:26-alpine 3000',
    'cart node:26-alpine',
    'mail axllent/mailpit:v1.28 8025',
    'queue rabbitmq:4 15672',
    'search-indexer-with-a-rather-long-name node:26-alpine',
    'worker-1 node:26-alpine',
    'worker-2 node:26-alpine',
    'worker-3 node:26-alpine',
    'worker-4 node:26-alpine',
  ],
  streams: [
    'broker-1 apache/kafka:4.1',
    'broker-2 apache/kafka:4.1',
    'broker-3 apache/kafka:4.1',
    'connect debezium:3',
  ],
  wiki: ['db postgres:18', 'web outline:1.1 3000'],
};

/** Containers of no project. */
const single = [
  'adminer adminer:5 8080',
  'home-assistant homeassistant:2026.11 8123',
  'jellyfin jellyfin:10 8096',
  'minio minio/minio:latest 9001',
  'pihole pihole:2026 80',
  'postgres-17-before-the-upgrade postgres:17',
  'registry registry:3 5000',
  'sandbox debian:trixie',
  'unifi unifi:10 8443',
  'uptime louislam/uptime-kuma:2 3001',
  'vaultwarden vaultwarden:1.35 80',
];

/** The last one in every list. */
export const lastInHarbour = 'zigbee';

/** Works a little, so that there is something to draw. */
const works = ['sh', '-c', 'while :; do for i in 1 2 3 4 5 6 7 8 9; do :; done; usleep 40000; done'];
const sleeps = ['sleep', '3600'];

/**
 * Fills an engine that has busybox as a computer is that somebody works with: fifty containers run with the two that the
 * tests of the window start, in projects with networks and volumes, one is unwell, one paused and one has ended.
 */
export async function fillHarbour({ socket, docker }: NativeEngine): Promise<void> {
  const post = (path: string, body?: object): Promise<unknown> =>
    httpJson({ socketPath: socket }, 'POST', path, { body });
  const all = [
    ...Object.entries(projects).flatMap(([project, services]) => services.map(text => berthOf(text, project))),
    ...[...single, `${lastInHarbour} koenkk/zigbee2mqtt:2 8080`].map(text => berthOf(text)),
  ];
  await docker('pull', '-q', 'busybox');
  const tags = [...new Set(all.map(({ image }) => image))];
  const tag = (image: string): Promise<unknown> => {
    const [repo, name] = image.split(/:(?=[^/]*$)/);
    return post(`/images/busybox/tag?repo=${repo}&tag=${name}`);
  };
  const network = (Name: string): Promise<unknown> => post('/networks/create', { Name });
  await Promise.all([...tags.map(tag), ...Object.keys(projects).map(name => network(`${name}_default`))]);
  const waiting = all.values();
  const worker = async (): Promise<void> => {
    for (const berth of waiting) {
      await post(`/containers/create?name=${berth.name}`, bodyOf(berth));
      await post(`/containers/${berth.name}/start`);
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
  for (const name of ['billing', 'shop', 'streams'])
    await post(`/networks/${name}_default/connect`, { Container: 'metrics-prometheus' });
  await post('/containers/sandbox/pause');
  await post('/containers/search-node-3/kill');
}

const labels = (of: string, value: string): object => ({ [`com.docker.compose.${of}`]: value });

interface HarbourBerth {
  name: string;
  image: string;
  port: string | undefined;
  project: string | undefined;
}

function berthOf(text: string, project?: string): HarbourBerth {
  const [service = '', image = '', port] = text.split(' ');
  return { name: project ? `${project}-${service}` : service, image, port, project };
}

function bodyOf({ name, image, port, project }: HarbourBerth): object {
  const keeps = /db$|minio|postgres/.test(name);
  return {
    ...{ Image: image, Cmd: /worker|api|prometheus/.test(name) ? works : sleeps, StopSignal: 'KILL' },
    Labels: project ? { ...labels('project', project), ...labels('service', name.slice(project.length + 1)) } : {},
    ExposedPorts: port ? { [`${port}/tcp`]: {} } : {},
    ...(name === 'blog-web' && { Healthcheck: { Test: ['CMD', 'false'], Interval: 2e9, Retries: 1 } }),
    HostConfig: {
      NetworkMode: project ? `${project}_default` : 'bridge',
      PortBindings: port ? { [`${port}/tcp`]: [{ HostPort: '' }] } : {},
      Binds: keeps ? [`${name}_data:/data`] : [],
      Memory: /node-|broker/.test(name) ? 256 << 20 : 0,
    },
  };
}
