import { isIP } from 'node:net';
import { count, type Decoded, type Decoder, fields, flag, list, map, text } from '../../contracts/decode.ts';
import { invalidArgument } from '../../contracts/errors.ts';

const ip: Decoder<string> = (value, at) => {
  const given = text(value, at);
  if (isIP(given) === 0) throw invalidArgument(`invalid JSON: invalid IP address: ${given}`);
  return given;
};

const powers = ['', 'k', 'm', 'g', 't', 'p'];

/** Bytes as `64M` or `"1073741824"` (go-units RAMInBytes). */
const size: Decoder<number> = value => {
  if (typeof value !== 'string') throw invalidArgument(`invalid JSON: invalid size: "${JSON.stringify(value)}"`);
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(value.trim()) ?? [];
  if (amount === undefined) throw invalidArgument(`invalid JSON: invalid size: '${value}'`);
  return Math.floor(Number(amount) * 1024 ** powers.indexOf(unit.toLowerCase()));
};

const ulimit = fields({ Name: text, Hard: count, Soft: count }, 'units.Ulimit');

/** Keys that mean here what they mean to dockerd. */
const known = {
  bip: text,
  bridge: text,
  debug: flag,
  'default-cgroupns-mode': text,
  'default-ipc-mode': text,
  'default-shm-size': size,
  'default-ulimits': map(ulimit),
  dns: list(ip),
  'dns-opts': list(text),
  'dns-search': list(text),
  features: map(flag),
  'http-proxy': text,
  'https-proxy': text,
  init: flag,
  'insecure-registries': list(text),
  labels: list(text),
  'live-restore': flag,
  'log-driver': text,
  'log-level': text,
  'log-opts': map(text),
  'max-concurrent-downloads': count,
  'max-concurrent-uploads': count,
  'max-download-attempts': count,
  'no-new-privileges': flag,
  'no-proxy': text,
  'registry-mirrors': list(text),
  'shutdown-timeout': count,
  'storage-driver': text,
  'userns-remap': text,
};

/** Keys whose absence of effect would be a hole in somebody's fence: they are refused, not ignored. */
const refused = {
  'authorization-plugins': list(text),
  icc: flag,
  'seccomp-profile': text,
};

/** Keys that dockerd knows and that change nothing here: a warning tells. */
const ignored = {
  'allow-direct-routing': flag,
  'allow-nondistributable-artifacts': list(text),
  'api-cors-header': text,
  bip6: text,
  builder: map((value: unknown) => value),
  'cdi-spec-dirs': list(text),
  'cgroup-parent': text,
  containerd: text,
  'containerd-namespace': text,
  'containerd-plugin-namespace': text,
  'containerd-plugins-namespace': text,
  'cpu-rt-period': count,
  'cpu-rt-runtime': count,
  'cri-containerd': flag,
  'data-root': text,
  'default-address-pools': list(fields({ base: text, size: count }, 'ipamutils.NetworkToSplit')),
  'default-gateway': ip,
  'default-gateway-v6': ip,
  'default-network-opts': map(map(text)),
  'default-runtime': text,
  'exec-opts': list(text),
  'exec-root': text,
  experimental: flag,
  'fixed-cidr': text,
  'fixed-cidr-v6': text,
  group: text,
  'host-gateway-ip': ip,
  'host-gateway-ips': list(ip),
  hosts: list(text),
  'init-path': text,
  ip,
  'ip-forward': flag,
  'ip-forward-no-drop': flag,
  'ip-masq': flag,
  ip6tables: flag,
  iptables: flag,
  ipv6: flag,
  'log-format': text,
  'metrics-addr': text,
  mtu: count,
  'network-control-plane-mtu': count,
  'network-diagnostic-port': count,
  'node-generic-resources': list(text),
  pidfile: text,
  'raw-logs': flag,
  runtimes: map(map((value: unknown) => value)),
  'selinux-enabled': flag,
  'storage-opts': list(text),
  'swarm-default-advertise-addr': text,
  'swarm-raft-election-tick': count,
  'swarm-raft-heartbeat-tick': count,
  tls: flag,
  tlscacert: text,
  tlscert: text,
  tlskey: text,
  tlsverify: flag,
  'userland-proxy': flag,
  'userland-proxy-path': text,
  validate: flag,
};

export const knownKeys: readonly string[] = Object.keys(known);
export const refusedKeys: readonly string[] = Object.keys(refused);
export const ignoredKeys: readonly string[] = Object.keys(ignored);

/** Keys whose value is an object of its own; in any other object, and in `proxies`, dockerd looks for keys. */
export const wholeObjects: readonly string[] = [
  'builder',
  'default-network-opts',
  'default-ulimits',
  'features',
  'log-opts',
  'runtimes',
];

/** The whole file. */
export const daemonConfig = fields({ ...ignored, ...refused, ...known }, 'config.Config');
/** What a file says. */
export type DaemonConfig = Decoded<typeof daemonConfig>;
