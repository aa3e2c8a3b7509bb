/** What our table of nft rules says, as text; nothing here talks to a kernel. */

export interface BridgeRules {
  bridge: string;
  /** `172.17.0.0/16` */
  subnet: string;
  /** nothing leaves and nothing enters */
  internal: boolean;
  /** containers' addresses are hidden behind the host's */
  masquerade: boolean;
}

/** A host's port and the container's address that serves it. */
export interface PortForward {
  protocol: 'tcp' | 'udp' | 'sctp';
  /** `0.0.0.0` for every address of the host */
  hostIp: string;
  hostPort: number;
  address: string;
  containerPort: number;
}

const protocols = ['tcp', 'udp', 'sctp'] as const;
const everywhere = '0.0.0.0';
const numericPriority = { raw: -300, destination: -100, filter: 0, source: 100 };

/** `ip berth_berth0`: one table for each bridge, so that engines side by side never touch each other's. */
export const tableOf = (bridge: string): string => `ip berth_${bridge}`;

/**
 * Makes the table or makes it right again, in one transaction. The maps of published ports keep their elements, so
 * running containers stay reachable while an engine starts.
 */
export function tableCommands(rules: BridgeRules): string {
  const table = tableOf(rules.bridge);
  const maps = protocols.flatMap(protocol => [
    `add map ${table} ${protocol}_anywhere { type inet_service : ipv4_addr . inet_service; }`,
    `add map ${table} ${protocol}_at { type ipv4_addr . inet_service : ipv4_addr . inet_service; }`,
  ]);
  const chains = [
    ['published', ''],
    ['guard', `{ type filter hook prerouting priority ${numericPriority.raw}; policy accept; }`],
    ['prerouting', `{ type nat hook prerouting priority ${numericPriority.destination}; policy accept; }`],
    ['output', `{ type nat hook output priority ${numericPriority.destination}; policy accept; }`],
    ['forward', `{ type filter hook forward priority ${numericPriority.filter}; policy accept; }`],
    ['postrouting', `{ type nat hook postrouting priority ${numericPriority.source}; policy accept; }`],
  ].flatMap(([name, hook]) => [`add chain ${table} ${name} ${hook}`.trimEnd(), `flush chain ${table} ${name}`]);
  const lines = chainRules(rules).map(([chain, rule]) => `add rule ${table} ${chain} ${rule}`);
  return [`add table ${table}`, ...maps, ...chains, ...lines].join('\n');
}

function chainRules({ bridge, subnet, internal, masquerade }: BridgeRules): [chain: string, rule: string][] {
  const published = protocols.flatMap((protocol): [string, string][] => [
    ['published', `dnat ip to ip daddr . ${protocol} dport map @${protocol}_at`],
    ['published', `fib daddr type local dnat ip to ${protocol} dport map @${protocol}_anywhere`],
  ]);
  return [
    ...published,
    // Ports published on 127.0.0.1, and route_localnet on the bridge, must not open loopback to neighbours.
    ['guard', 'iifname != "lo" ip daddr 127.0.0.0/8 drop'],
    ['guard', `iifname "${bridge}" ip saddr 127.0.0.0/8 drop`],
    ['prerouting', 'jump published'],
    ['output', 'jump published'],
    ...(internal ? internalRules(bridge, subnet) : forwardRules(bridge)),
    // A container that reaches itself or a neighbour through the host's address, and the host's own loopback.
    ['postrouting', `oifname "${bridge}" ip saddr 127.0.0.0/8 masquerade`],
    ['postrouting', `oifname "${bridge}" ip saddr ${subnet} ct status dnat masquerade`],
    ...(masquerade && !internal
      ? [['postrouting', `ip saddr ${subnet} oifname != "${bridge}" masquerade`] as [string, string]]
      : []),
  ];
}

/** Out is free, in only as an answer or by a published port; this also keeps other bridges' containers away. */
function forwardRules(bridge: string): [string, string][] {
  return [
    ['forward', `oifname "${bridge}" ct state established,related accept`],
    ['forward', `oifname "${bridge}" ct status dnat accept`],
    ['forward', `iifname "${bridge}" oifname "${bridge}" accept`],
    ['forward', `oifname "${bridge}" drop`],
    ['forward', `iifname "${bridge}" accept`],
  ];
}

function internalRules(bridge: string, subnet: string): [string, string][] {
  return [
    ['forward', `iifname "${bridge}" ip daddr != ${subnet} drop`],
    ['forward', `oifname "${bridge}" ip saddr != ${subnet} drop`],
  ];
}

export const publishCommands = (bridge: string, forwards: readonly PortForward[]): string =>
  elementCommands('add', bridge, forwards);

export const withdrawCommands = (bridge: string, forwards: readonly PortForward[]): string =>
  elementCommands('delete', bridge, forwards);

/** Makes `forwards` the only ones of the bridge, in one transaction. */
export function replaceCommands(bridge: string, forwards: readonly PortForward[]): string {
  const table = tableOf(bridge);
  const flushes = protocols.flatMap(protocol => [
    `flush map ${table} ${protocol}_anywhere`,
    `flush map ${table} ${protocol}_at`,
  ]);
  return [...flushes, elementCommands('add', bridge, forwards)].join('\n').trimEnd();
}

/** Works whether the table is there or not. */
export const removeTableCommands = (bridge: string): string =>
  `add table ${tableOf(bridge)}\ndelete table ${tableOf(bridge)}`;

function elementCommands(verb: 'add' | 'delete', bridge: string, forwards: readonly PortForward[]): string {
  return forwards
    .map(({ protocol, hostIp, hostPort, address, containerPort }) => {
      const [map, key] =
        hostIp === everywhere ? [`${protocol}_anywhere`, `${hostPort}`] : [`${protocol}_at`, `${hostIp} . ${hostPort}`];
      const value = verb === 'add' ? ` : ${address} . ${containerPort}` : '';
      return `${verb} element ${tableOf(bridge)} ${map} { ${key}${value} }`;
    })
    .join('\n');
}
