import type { Log } from '../../base/log.ts';
import type { ContainerId, NetworkId } from '../../contracts/brand.ts';

export type Protocol = 'tcp' | 'udp' | 'sctp';

/** A wish to publish: `hostPort` 0 or absent lets us choose; with `hostPortEnd` any free port of the range will do. */
export interface PortMapping {
  containerPort: number;
  protocol: Protocol;
  /** address of this host; empty or absent means every address */
  hostIp?: string;
  hostPort?: number;
  hostPortEnd?: number;
}

/** A port that is published: every choice is made. */
export interface PublishedPort {
  containerPort: number;
  protocol: Protocol;
  hostIp: string;
  /** 0: none of the host, but the container's own at its address, which is known outside */
  hostPort: number;
}

/** Docker's document: `80/tcp` → where it is published; null when it is only exposed. */
export type PortMap = Record<string, { HostIp: string; HostPort: string }[] | null>;

export interface Subnet {
  /** `172.17.0.0/16` */
  subnet: string;
  gateway: string;
  /** nobody asked for this gateway: Docker's documents do not show it then, if the subnet was asked for */
  gatewayChosen?: true;
  /** part of the subnet from which addresses are chosen, like `172.17.5.0/24` */
  ipRange?: string;
  /** nobody asked for this subnet: containers cannot ask for addresses of it */
  subnetChosen?: true;
  /** addresses that belong to others, by a name for each */
  auxiliary?: Record<string, string>;
}

export type NetworkDriver = 'bridge' | 'macvlan' | 'ipvlan' | 'host' | 'null';

/** A network as saved in `<root>/<id>.json`. `host` and `null` networks have no subnet and no link. */
export interface NetworkRecord {
  version: 1;
  id: NetworkId;
  name: string;
  driver: NetworkDriver;
  /** what its user calls its reach; absent: `local` */
  scope?: string;
  createdAt: string;
  internal: boolean;
  attachable: boolean;
  enableIPv4: boolean;
  enableIPv6: boolean;
  ipam: { driver: string; options: Record<string, string> | null; config: Subnet[] };
  options: Record<string, string>;
  labels: Record<string, string>;
  /** the bridge's interface name */
  bridge?: string;
  /** of macvlan and ipvlan: the host's link that containers live on, and whether it is ours */
  parent?: { link: string; made: boolean };
  /** one of `bridge`, `host`, `none`: cannot be removed */
  predefined: boolean;
  /** no network, but what others are made like */
  configOnly?: true;
  /** the name of the one that this network was made like */
  configFrom?: string;
}

export interface NetworkCreateRequest {
  name: string;
  driver?: string;
  scope?: string;
  internal?: boolean;
  attachable?: boolean;
  enableIPv4?: boolean;
  enableIPv6?: boolean;
  ipam?: { driver?: string; options?: Record<string, string>; config?: Partial<Subnet>[] };
  options?: Record<string, string>;
  labels?: Record<string, string>;
  /** only a form for other networks */
  configOnly?: boolean;
  /** the form that this network is made by, by name or id */
  configFrom?: string;
}

/** How a container takes part in one network. */
export interface Endpoint {
  networkId: NetworkId;
  networkName: string;
  /** of the network; absent: `bridge` */
  driver?: NetworkDriver;
  endpointId: string;
  /** name inside the container: `eth0` */
  interfaceName: string;
  /** name of the other end of the pair, on the host; empty where there is none */
  hostInterface: string;
  ipAddress: string;
  prefixLength: number;
  gateway: string;
  /** what is for others leaves by the link, without a gateway */
  byLink?: true;
  /** in networks that have IPv6 too */
  ipv6Address?: string;
  ipv6PrefixLength?: number;
  ipv6Gateway?: string;
  macAddress: string;
  aliases: string[];
  /** what this container is called by others of the network, its name first; absent where there is no name service */
  dnsNames?: string[];
  /** what it calls others of the network itself */
  links?: Link[];
  /** the endpoint with the highest leads outside; then the first name in the alphabet */
  gatewayPriority?: number;
}

/** Another container under a name of one's own. */
export interface Link {
  container: ContainerId;
  alias: string;
}

/** What a container's user asked for one network (`EndpointsConfig`). */
export interface EndpointRequest {
  ipAddress?: string;
  ipv6Address?: string;
  macAddress?: string;
  /** more addresses of the link, 169.254.0.0/16 or fe80::/64 */
  linkLocalAddresses?: string[];
  aliases?: string[];
  links?: Link[];
  gatewayPriority?: number;
  /** `com.docker.network.endpoint.ifname`, `….sysctls` */
  driverOptions?: Record<string, string>;
}

export interface ConnectRequest {
  id: ContainerId;
  /** the container's name, without slash */
  name: string;
  /** HostConfig.NetworkMode: `default`, `bridge`, `none`, `host`, `container:<whole id>` or a network's name or id */
  mode: string;
  /** more networks to join (name or id → request); the one of `mode` may be in it too */
  networks?: Record<string, EndpointRequest>;
  hostname: string;
  domainname?: string;
  aliases?: string[];
  macAddress?: string;
  ports?: PortMapping[];
  /** `80/tcp` … only for the PortMap's null entries */
  exposed?: string[];
  /** HostConfig.PublishAllPorts: every exposed port that has no mapping gets one */
  publishAll?: boolean;
  dns?: string[];
  dnsSearch?: string[];
  dnsOptions?: string[];
  /** `name:address` or `name=address`; the address may be `host-gateway` */
  extraHosts?: string[];
  /** links of the default network: these names stand in the hosts file with the address that the other has now */
  neighbours?: { container: ContainerId; names: string[] }[];
  /** `hosts`, `resolv.conf` and `hostname` are written here; it must exist */
  directory: string;
}

export interface HostFiles {
  hosts: string;
  resolvConf: string;
  hostname: string;
}

/** Everything needed to take a sandbox over after an engine restart; plain JSON, kept by the engine with the container. */
export interface SandboxRecord {
  version: 1;
  id: ContainerId;
  name: string;
  mode: string;
  /** the container whose namespace is shared */
  shares?: ContainerId;
  endpoints: Endpoint[];
  ports: PublishedPort[];
  files: HostFiles;
  /** what the name service and the files must know when the container joins or leaves a network */
  naming?: Naming;
}

/** What a container calls itself, and whom it asks for names. */
export interface Naming {
  hostname: string;
  domainname?: string;
  /** absent: the host's */
  servers?: string[];
  search?: string[];
  options?: string[];
  neighbours?: { container: ContainerId; names: string[] }[];
}

export interface Sandbox {
  /** what setns(2) wants, valid as long as this engine process lives; absent for the host's own namespace */
  namespacePath?: string;
  /** by network name, in the order of their interfaces */
  endpoints: Record<string, Endpoint>;
  ports: PortMap;
  files: HostFiles;
  record: SandboxRecord;
}

export interface InterfaceStatistics {
  rxBytes: number;
  rxPackets: number;
  rxErrors: number;
  rxDropped: number;
  txBytes: number;
  txPackets: number;
  txErrors: number;
  txDropped: number;
}

/** Tells somebody outside (a machine's host) which ports to forward; natively there is none. */
export interface PortPublisher {
  publish(id: string, ports: PublishedPort[]): Promise<void>;
  withdraw(id: string): Promise<void>;
}

/** `{ base: '10.10.0.0/16', size: 24 }`: 256 subnets. */
export interface AddressBlock {
  base: string;
  size: number;
}

/** What the default network is asked to be: `cidr` is the gateway with its prefix, like Docker's `bip`. */
export interface DefaultBridge extends FamilyWish {
  name: string;
  /** absent: no IPv6, nor in new bridge networks that do not ask for it. Where the kernel has none it is as if absent */
  ipv6?: FamilyWish;
  options?: Readonly<Record<string, string>>;
}

/** Of one family: `range` is the part that addresses are chosen from, `gateway` where containers leave if not by us. */
export interface FamilyWish {
  cidr?: string;
  range?: string;
  gateway?: string;
}

export interface NetworksOptions {
  /** records live here */
  root: string;
  /** gone at reboot */
  execRoot: string;
  bridge: DefaultBridge;
  /** options of new networks that do not say otherwise, by driver */
  driverOptions?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  publisher?: PortPublisher;
  /** name servers for every container that asks for none of its own; absent: those of the host */
  dns?: string[];
  dnsSearch?: string[];
  dnsOptions?: string[];
  /** what `host-gateway` means, of one family or both; absent: the default network's own addresses */
  hostGateways?: readonly string[];
  /** we run in a machine: `host-gateway` and `host.docker.internal` are its host, where its default route leads */
  behindHost?: boolean;
  /** where subnets are chosen from, instead of Docker's usual pools: blocks that are cut into subnets of `size` bits */
  addressPools?: readonly AddressBlock[];
  /** sandboxes kept ready; 0 turns the pool off */
  poolSize?: number;
  log: Log;
}

export interface Networks {
  list(): NetworkRecord[];
  /** by name, id or unambiguous prefix of an id. @throws not-found `network x not found` */
  get(ref: string): NetworkRecord;
  /** who is connected now */
  endpoints(networkId: NetworkId): { id: ContainerId; name: string; endpoint: Endpoint }[];
  create(request: NetworkCreateRequest): Promise<NetworkRecord>;
  remove(ref: string): Promise<void>;
  /** removes what nobody uses and `keep` does not hold (networks of containers that are not running); returns names */
  prune(keep: (network: NetworkRecord) => boolean): Promise<string[]>;
  connect(request: ConnectRequest): Promise<Sandbox>;
  /** @throws not-found, invalid-argument in Docker's words: what a container may not wish of a network */
  check(ref: string, wish: EndpointRequest): void;
  /** synchronous, as `leave`: a running container takes part in one more network. @throws forbidden when it does already */
  join(id: ContainerId, ref: string, wish: EndpointRequest): Sandbox;
  /** a running container leaves a network, any number of times */
  leave(id: ContainerId, ref: string): Sandbox;
  /** a running container is called otherwise from now on; undefined: it is not connected */
  rename(id: ContainerId, name: string): SandboxRecord | undefined;
  /** after an engine restart, for a container that still runs as `pid` */
  reattach(id: ContainerId, saved: SandboxRecord, pid: number): Promise<Sandbox>;
  /** once, after the last `reattach`: takes away what nobody claimed */
  reconcile(): Promise<void>;
  /** by id, any number of times; returns as soon as the ports and names may be taken again */
  release(id: ContainerId): Promise<void>;
  /** by interface name, counted from inside the container; empty without a namespace of its own */
  statistics(id: ContainerId): Record<string, InterfaceStatistics>;
  /** what `host-gateway` means to containers: an address, or one of each family */
  hostGateways(): string[];
  /** removeAll: bridges, tables and namespaces go; otherwise running containers keep their network */
  close(options: { removeAll: boolean }): Promise<void>;
}
