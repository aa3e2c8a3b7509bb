import { isIP } from 'node:net';
import { count, type Decoded, type Decoder, fields, flag, list, map, text } from '../../contracts/decode.ts';
import { invalidArgument } from '../../contracts/errors.ts';

const ip: Decoder<string> = (value, at) => {
  const given = text(value, at);
  if (isIP(given) === 0) throw invalidArgument(`invalid JSON: invalid IP address: ${given}`);
  return given;
};

const address: Decoder<string> = (value, at) => {
  const given = text(value, at);
  if (isIP(given) === 0) throw invalidArgument(`invalid JSON: ParseAddr(${JSON.stringify(given)}): unable to parse IP`);
  return given;
};

const cidr: Decoder<string> = (value, at) => {
  const given = text(value, at);
  const [base = '', bits, ...rest] = given.split('/');
  if (bits === undefined) throw invalidArgument(`invalid JSON: netip.ParsePrefix(${JSON.stringify(given)}): no '/'`);
  if (isIP(base) === 0 || rest.length > 0 || !/^\d{1,3}$/.test(bits))
    throw invalidArgument(`invalid JSON: netip.ParsePrefix(${JSON.stringify(given)}): unable to parse IP`);
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
  bip6: text,
  bridge: text,
  debug: flag,
  'default-address-pools': list(fields({ base: cidr, size: count }, 'ipamutils.NetworkToSplit')),
  'default-cgroupns-mode': text,
  'default-gateway': ip,
  'default-gateway-v6': ip,
  'default-ipc-mode': text,
  'default-network-opts': map(map(text)),
  'default-shm-size': size,
  'default-ulimits': map(ulimit),
  dns: list(ip),
  'dns-opts': list(text),
  'dns-search': list(text),
  experimental: flag,
  features: map(flag),
  'fixed-cidr': text,
  'fixed-cidr-v6': text,
  'host-gateway-ip': ip,
  'host-gateway-ips': list(address),
  'http-proxy': text,
  'https-proxy': text,
  icc: flag,
  init: flag,
  'insecure-registries': list(text),
  ip,
  'ip-masq': flag,
  ipv6: flag,
  labels: list(text),
  'live-restore': flag,
  'log-driver': text,
  'log-level': text,
  'log-opts': map(text),
  'max-concurrent-downloads': count,
  'max-concurrent-uploads': count,
  'max-download-attempts': count,
  mtu: count,
  'no-new-privileges': flag,
  'no-proxy': text,
  'registry-mirrors': list(text),
  'shutdown-timeout': count,
  'storage-driver': text,
  'seccomp-profile': text,
  'userns-remap': text,
};

/** Keys whose absence of effect would be a hole in somebody's fence: they are refused, not ignored. */
const refused = {
  'authorization-plugins': list(text),
};

/** Keys that dockerd knows and that change nothing here: a warning tells. */
const ignored = {
  'allow-direct-routing': flag,
  'allow-nondistributable-artifacts': list(text),
  'api-cors-header': text,
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
  'default-runtime': text,
  'exec-opts': list(text),
  'exec-root': text,
  group: text,
  hosts: list(text),
  'init-path': text,
  'ip-forward': flag,
  'ip-forward-no-drop': flag,
  ip6tables: flag,
  iptables: flag,
  'log-format': text,
  'metrics-addr': text,
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
