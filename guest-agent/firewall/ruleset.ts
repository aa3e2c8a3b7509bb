/** What our table of nft rules says, as text; nothing here talks to a kernel. */

export interface BridgeRules {
  bridge: string;
  /** `172.17.0.0/16`; absent: the network has no IPv4 */
  subnet?: string;
  /** `fd00:1::/64`, where the network has IPv6 */
  subnet6?: string;
  /** nothing leaves and nothing enters */
  internal: boolean;
  /** containers' addresses are hidden behind the host's */
  masquerade: boolean;
  /** behind which of them; absent: that of the link by which they leave */
  sources?: Partial<Record<Family, string | undefined>>;
  /** of these nothing is translated: outside, containers have their own addresses, at which ports are let in */
  routed?: readonly Family[];
  /** who reaches all ports of containers from outside: links by name */
  openTo?: Partial<Record<Family, 'everybody' | readonly string[]>>;
}

/** A host's port and the container's address that serves it; of port 0 only that one's port is let in, where it is routed. */
export interface PortForward {
  protocol: 'tcp' | 'udp' | 'sctp';
  /** `0.0.0.0` or `::` for every address of the host */
  hostIp: string;
  hostPort: number;
  address: string;
  containerPort: number;
}

/** Of a chain by its name. */
type Rule = [chain: string, rule: string];

const protocols = ['tcp', 'udp', 'sctp'] as const;
export type Family = 'ip' | 'ip6';

const everywhere: ReadonlySet<string> = new Set(['0.0.0.0', '::']);
const numericPriority = { raw: -300, destination: -100, filter: 0, source: 100 };

/** `ip berth_berth0`: one table for each bridge, so that engines side by side never touch each other's. */
export const tableOf = (bridge: string, family: Family = 'ip'): string => `${family} berth_${bridge}`;

export const familyOf = (address: string): Family => (address.includes(':') ? 'ip6' : 'ip');

/**
 * Makes the table or makes it right again, in one transaction. The maps of published ports keep their elements, so
 * running containers stay reachable while an engine starts.
 */
export function tableCommands(rules: BridgeRules): string {
  const { subnet, subnet6 } = rules;
  // The table of IPv4 is there in any case: it guards the loopback, and tells that our rules are.
  return [familyCommands(rules, 'ip', subnet), ...(subnet6 ? [familyCommands(rules, 'ip6', subnet6)] : [])].join('\n');
}

function familyCommands(rules: BridgeRules, family: Family, subnet: string | undefined): string {
  const table = tableOf(rules.bridge, family);
  const address = family === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
  const maps = protocols.flatMap(protocol => [
    `add map ${table} ${protocol}_anywhere { type inet_service : ${address} . inet_service; }`,
    `add map ${table} ${protocol}_at { type ${address} . inet_service : ${address} . inet_service; }`,
  ]);
  const open = rules.routed?.includes(family)
    ? protocols.map(protocol => `add set ${table} ${protocol}_open { type ${address} . inet_service; }`)
    : [];
  const chains = [
    ['published', ''],
    ['guard', `{ type filter hook prerouting priority ${numericPriority.raw}; policy accept; }`],
    ['prerouting', `{ type nat hook prerouting priority ${numericPriority.destination}; policy accept; }`],
    ['output', `{ type nat hook output priority ${numericPriority.destination}; policy accept; }`],
    ['forward', `{ type filter hook forward priority ${numericPriority.filter}; policy accept; }`],
    ['postrouting', `{ type nat hook postrouting priority ${numericPriority.source}; policy accept; }`],
  ].flatMap(([name, hook]) => [`add chain ${table} ${name} ${hook}`.trimEnd(), `flush chain ${table} ${name}`]);
  const lines = chainRules(rules, family, subnet).map(([chain, rule]) => `add rule ${table} ${chain} ${rule}`);
  return [`add table ${table}`, ...maps, ...open, ...chains, ...lines].join('\n');
}

function chainRules(
  { bridge, internal, masquerade, sources = {}, routed = [], openTo = {} }: BridgeRules,
  family: Family,
  subnet: string | undefined,
): Rule[] {
  const own = routed.includes(family);
  const published = protocols.flatMap((protocol): Rule[] => [
    ['published', `dnat ${family} to ${family} daddr . ${protocol} dport map @${protocol}_at`],
    ['published', `fib daddr type local dnat ${family} to ${protocol} dport map @${protocol}_anywhere`],
  ]);
  return [
    ...published,
    ...(family === 'ip' ? loopbackGuard(bridge) : []),
    ['prerouting', 'jump published'],
    ['output', family === 'ip' ? 'jump published' : 'ip6 daddr != ::1 jump published'], // what came from ::1 cannot leave it
    ...(internal
      ? internalRules(bridge, family, subnet)
      : forwardRules(bridge, openTo[family] ?? [], own ? routedRules(bridge, family) : [])),
    // A container that reaches itself or a neighbour through the host's address, and the host's own loopback.
    ...(family === 'ip' ? [loopbackWayOut(bridge)] : []),
    ...(subnet ? wayOut({ bridge, family, subnet, source: sources[family] }, masquerade && !internal && !own) : []),
  ];
}

function wayOut(
  { bridge, family, subnet, source }: { bridge: string; family: Family; subnet: string; source: string | undefined },
  masquerade: boolean,
): Rule[] {
  const own: Rule[] = [['postrouting', `oifname "${bridge}" ${family} saddr ${subnet} ct status dnat masquerade`]];
  const hidden = source ? `snat to ${source}` : 'masquerade';
  return masquerade ? [...own, ['postrouting', `${family} saddr ${subnet} oifname != "${bridge}" ${hidden}`]] : own;
}

/** Ports published on 127.0.0.1, and route_localnet on the bridge, must not open loopback to neighbours. */
const loopbackGuard = (bridge: string): Rule[] => [
  ['guard', 'iifname != "lo" ip daddr 127.0.0.0/8 drop'],
  ['guard', `iifname "${bridge}" ip saddr 127.0.0.0/8 drop`],
];

const loopbackWayOut = (bridge: string): [string, string] => [
  'postrouting',
  `oifname "${bridge}" ip saddr 127.0.0.0/8 masquerade`,
];

/** Into a network whose addresses are known outside. */
const routedRules = (bridge: string, family: Family): Rule[] => [
  ...protocols.map(
    (protocol): Rule => ['forward', `oifname "${bridge}" ${family} daddr . ${protocol} dport @${protocol}_open accept`],
  ),
  ['forward', `oifname "${bridge}" meta l4proto ${family === 'ip' ? 'icmp' : 'ipv6-icmp'} accept`],
];

/** Out is free, in only as an answer or by a published port; this also keeps other bridges' containers away. */
function forwardRules(bridge: string, openTo: 'everybody' | readonly string[], routed: readonly Rule[]): Rule[] {
  const links = openTo === 'everybody' ? [''] : openTo.map(link => `iifname "${link}" `);
  return [
    ['forward', `oifname "${bridge}" ct state established,related accept`],
    ['forward', `oifname "${bridge}" ct status dnat accept`],
    ['forward', `iifname "${bridge}" oifname "${bridge}" accept`],
    ...routed,
    ...links.map((link): Rule => ['forward', `${link}oifname "${bridge}" accept`]),
    ['forward', `oifname "${bridge}" drop`],
    ['forward', `iifname "${bridge}" accept`],
  ];
}

/** With br_netfilter neighbours pass here as well, and look for each other at addresses of no subnet. */
function internalRules(bridge: string, family: Family, subnet: string | undefined): Rule[] {
  const [to, from] = subnet ? [` ${family} daddr != ${subnet}`, ` ${family} saddr != ${subnet}`] : ['', ''];
  return [
    ['forward', `iifname "${bridge}" oifname "${bridge}" accept`],
    ['forward', `iifname "${bridge}"${to} drop`],
    ['forward', `oifname "${bridge}"${from} drop`],
  ];
}

export const publishCommands = (bridge: string, forwards: readonly PortForward[]): string =>
  elementCommands('add', bridge, forwards);

export const withdrawCommands = (bridge: string, forwards: readonly PortForward[]): string =>
  elementCommands('delete', bridge, forwards);

/** Makes `forwards` the only ones of the bridge that has these rules, in one transaction. */
export function replaceCommands(
  { bridge, subnet6, routed = [] }: BridgeRules,
  forwards: readonly PortForward[],
): string {
  const families: Family[] = subnet6 ? ['ip', 'ip6'] : ['ip'];
  const flushes = families.flatMap(family =>
    protocols.flatMap(protocol => [
      ...['anywhere', 'at'].map(kind => `flush map ${tableOf(bridge, family)} ${protocol}_${kind}`),
      ...(routed.includes(family) ? [`flush set ${tableOf(bridge, family)} ${protocol}_open`] : []),
    ]),
  );
  return [...flushes, elementCommands('add', bridge, forwards)].join('\n').trimEnd();
}

/** Works whether the table is there or not. */
export const removeTableCommands = (bridge: string, family: Family = 'ip'): string =>
  `add table ${tableOf(bridge, family)}\ndelete table ${tableOf(bridge, family)}`;

function elementCommands(verb: 'add' | 'delete', bridge: string, forwards: readonly PortForward[]): string {
  const commands = forwards.map(({ protocol, hostIp, hostPort, address, containerPort }) => {
    const table = tableOf(bridge, familyOf(address));
    if (hostPort === 0) return `${verb} element ${table} ${protocol}_open { ${address} . ${containerPort} }`;
    const [map, key] = everywhere.has(hostIp)
      ? [`${protocol}_anywhere`, `${hostPort}`]
      : [`${protocol}_at`, `${hostIp} . ${hostPort}`];
    const value = verb === 'add' ? ` : ${address} . ${containerPort}` : '';
    return `${verb} element ${table} ${map} { ${key}${value} }`;
  });
  return [...new Set(commands)].join('\n');
}
