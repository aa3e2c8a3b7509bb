import type { Endpoint, EndpointRequest, NetworkRecord, Subnet } from './contract.ts';
import { AddressPool } from './ipam.ts';
import { AddressPool6 } from './ipv6.ts';

/** Where a network leads what is for others: to a router, to the link itself, or nowhere. */
export type Leads = 'gateway' | 'link' | 'nowhere';

/** What an endpoint has of its network's addresses. */
export type Addressed = Pick<
  Endpoint,
  'ipAddress' | 'prefixLength' | 'gateway' | 'byLink' | 'ipv6Address' | 'ipv6PrefixLength' | 'ipv6Gateway'
>;

type Pool = AddressPool | AddressPool6;

export const isSixth = ({ subnet }: Pick<Subnet, 'subnet'>): boolean => subnet.includes(':');

/** The addresses of one network, of every subnet and both families. */
export class Addressing {
  readonly leads: Leads;
  readonly #four: readonly AddressPool[];
  readonly #six: readonly AddressPool6[];

  /** `reserved`: the gateways belong to somebody. */
  constructor({ ipam, enableIPv6 }: NetworkRecord, { leads, reserved }: { leads: Leads; reserved: boolean }) {
    const options = (subnet: Subnet) => ({ reserved: reserved || !subnet.gatewayChosen });
    this.leads = leads;
    this.#four = ipam.config.filter(one => !isSixth(one)).map(subnet => new AddressPool(subnet, options(subnet)));
    this.#six = enableIPv6 ? ipam.config.filter(isSixth).map(subnet => new AddressPool6(subnet, options(subnet))) : [];
  }

  get hasSix(): boolean {
    return this.#six.length > 0;
  }

  /** Those wished for, or free ones: one of each family. @throws EngineError, and then none is taken */
  allocate({ ipAddress, ipv6Address }: Pick<EndpointRequest, 'ipAddress' | 'ipv6Address'>): Addressed {
    const four = takeFrom(this.#four, ipAddress || undefined);
    try {
      const six = takeFrom(this.#six, ipv6Address || undefined);
      return {
        ipAddress: four?.address ?? '',
        prefixLength: four?.pool.prefixLength ?? 0,
        gateway: this.leads === 'gateway' ? (four?.pool.gateway ?? '') : '',
        ...(this.leads === 'link' && { byLink: true as const }),
        ...(six && { ipv6Address: six.address, ipv6PrefixLength: six.pool.prefixLength }),
        ...(six && this.leads === 'gateway' && { ipv6Gateway: six.pool.gateway }),
      };
    } catch (error) {
      four?.pool.release(four.address);
      throw error;
    }
  }

  /** An endpoint that outlived an engine keeps its addresses. @throws forbidden when others have one */
  claim({ ipAddress, ipv6Address }: Endpoint): void {
    if (ipAddress) takeFrom(this.#four, ipAddress);
    if (ipv6Address) takeFrom(this.#six, ipv6Address);
  }

  /** Others may have the addresses of an endpoint. Any number of times. */
  giveBack({ ipAddress, ipv6Address }: Endpoint): void {
    if (ipAddress) poolOf(this.#four, ipAddress)?.release(ipAddress);
    if (ipv6Address) poolOf(this.#six, ipv6Address)?.release(ipv6Address);
  }
}

const poolOf = <Some extends Pool>(pools: readonly Some[], address: string): Some | undefined =>
  pools.find(pool => pool.has(address));

/** From the wished one's pool, else from the first that is not exhausted. */
function takeFrom<Some extends Pool>(
  pools: readonly Some[],
  wanted: string | undefined,
): { pool: Some; address: string } | undefined {
  const asked = wanted === undefined ? undefined : poolOf(pools, wanted);
  const pool = asked ?? (pools.length > 1 ? pools.find(one => !one.isFull) : undefined) ?? pools[0];
  return pool && { pool, address: pool.allocate(wanted) };
}
