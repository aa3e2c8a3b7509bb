import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Log } from '../../base/log.ts';
import { EngineError, messageOf } from '../../contracts/errors.ts';
import type { BridgeNetwork } from './bridge-network.ts';
import type {
  ConnectRequest,
  Endpoint,
  NetworkRecord,
  PortMapping,
  PortPublisher,
  PublishedPort,
  SandboxRecord,
} from './contract.ts';
import { type Live, outletOf } from './live.ts';
import type { NetworkList } from './network-list.ts';
import { isRouted } from './network-options.ts';
import { PublishedPorts, type Reach, wantedMappings } from './published-ports.ts';

/** The ports of all containers: taken on the host, and translated to the endpoint that leads outside, wherever that is. */
export class Publishing {
  readonly #networks: NetworkList;
  readonly #publisher: PortPublisher | undefined;
  readonly #ports: PublishedPorts;
  readonly #log: Log;

  constructor(networks: NetworkList, { publisher, log }: { publisher?: PortPublisher; log: Log }) {
    this.#networks = networks;
    this.#publisher = publisher;
    this.#ports = new PublishedPorts({ addressesOfOthers: publisher !== undefined });
    this.#log = log;
  }

  /** Whether a port that we may choose can turn out to be taken by somebody in front of us. */
  mayChoose(request: ConnectRequest): boolean {
    return this.#publisher !== undefined && this.#mappings(request).some(({ hostPort }) => !hostPort);
  }

  /** Takes every port of a request, or none. @throws EngineError in Docker's words */
  take(request: ConnectRequest): PublishedPort[] {
    const mappings = this.#mappings(request);
    try {
      return mappings.length > 0 ? this.#ports.take(mappings, { reach: this.#reachOf(request), by: request.name }) : [];
    } catch (error) {
      const endpoint = `${request.name} (${randomBytes(32).toString('hex')})`;
      throw new EngineError(
        error instanceof EngineError ? error.kind : 'internal',
        `driver failed programming external connectivity on endpoint ${endpoint}: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /** After a restart: what nobody has taken meanwhile. */
  takeAgain({ ports, name }: SandboxRecord): PublishedPort[] {
    return ports.flatMap(port => {
      try {
        return port.hostPort === 0
          ? [port]
          : this.#ports.take([port], { reach: { four: 'translated', six: 'translated' }, by: name });
      } catch (error) {
        this.#log.error('a published port was taken by somebody else while the engine was away', { ...port, error });
        return [];
      }
    });
  }

  async announce({ record: { id, ports } }: Live): Promise<void> {
    const ofHost = ports.filter(({ hostPort, protocol }) => hostPort > 0 && protocol !== 'sctp');
    if (this.#publisher && ports.some(({ protocol }) => protocol === 'sctp'))
      this.#log.warn('SCTP is published inside the machine only: its host forwards TCP and UDP', { container: id });
    if (ofHost.length > 0) await this.#publisher?.publish(id, ofHost);
  }

  /** Brings the ports to the endpoint that leads outside now. */
  follow(live: Live): void {
    const outlet = outletOf(live.record);
    if (live.outlet?.endpointId === outlet?.endpointId) return;
    this.#bridgeOf(live.outlet)?.withdraw(live.record.id);
    if (outlet) this.#bridgeOf(outlet)?.publish(live.record.id, outlet, this.#forwarded(live));
    live.outlet = outlet;
    this.#lead(live);
  }

  /** After a restart: the kernel has them, or gets them with all others. */
  remember(live: Live): void {
    live.outlet = outletOf(live.record);
    if (live.outlet) this.#bridgeOf(live.outlet)?.remember(live.record.id, live.outlet, this.#forwarded(live));
    this.#lead(live);
  }

  /** Any number of times. */
  async giveBack(live: Live): Promise<void> {
    const { id, ports } = live.record;
    this.#bridgeOf(live.outlet)?.withdraw(id);
    this.#ports.giveBack(ports);
    if (ports.length > 0) await this.#publisher?.withdraw(id);
  }

  /** The engine goes, the containers stay: the sockets go with it. */
  letGo({ record }: Live): void {
    this.#ports.giveBack(record.ports);
  }

  /** Visitors who cannot be translated are joined to the container where it is reached now. */
  #lead({ record: { ports }, outlet }: Live): void {
    const address = this.#bridgeOf(outlet) && (outlet?.ipv6Address ?? outlet?.ipAddress);
    for (const port of ports) this.#ports.lead(port, address);
  }

  /** Addresses in front of a machine are those of its host, which translates them itself. */
  #reachOf(request: ConnectRequest): Reach {
    const network = this.#publishingNetwork(request);
    const { enableIPv4 = true, enableIPv6 = false, options = {} } = network ?? {};
    const six = isRouted(options, 'six') && enableIPv6 ? 'routed' : enableIPv6 ? 'translated' : 'relayed';
    const four = isRouted(options, 'four') ? 'routed' : 'translated';
    return {
      four: enableIPv4 ? four : 'none',
      six: this.#publisher === undefined && existsSync('/proc/sys/net/ipv6') ? six : 'none',
    };
  }

  #mappings(request: ConnectRequest): PortMapping[] {
    const record = this.#publishingNetwork(request);
    if (!record) return [];
    const hostIp = this.#networks.bridgeOf(record).hostAddress;
    return wantedMappings(request).map(mapping => (mapping.hostIp || !hostIp ? mapping : { ...mapping, hostIp }));
  }

  /** The first of a container's networks that has ports of the host: bridges alone do. */
  #publishingNetwork({ mode, networks = {} }: ConnectRequest): NetworkRecord | undefined {
    if (mode.startsWith('container:')) return undefined;
    return [mode, ...Object.keys(networks)]
      .map(ref => this.#networks.get(ref))
      .find(({ driver }) => driver === 'bridge');
  }

  /**
   * Ports as the kernel forwards them. Where somebody in front of us publishes them (the host of a machine), its
   * addresses are not ours, and datagrams for its loopback come in through our outer link.
   */
  #forwarded({ record: { ports } }: Live): PublishedPort[] {
    const comesFromOutside = ({ protocol, hostIp }: PublishedPort): boolean =>
      this.#publisher !== undefined && (protocol === 'udp' || !hostIp.startsWith('127.'));
    return ports.map(port => (comesFromOutside(port) ? { ...port, hostIp: '0.0.0.0' } : port));
  }

  #bridgeOf(endpoint: Endpoint | undefined): BridgeNetwork | undefined {
    return endpoint && this.#networks.findBridge(endpoint.networkId);
  }
}
