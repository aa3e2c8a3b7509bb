import { invalidArgument } from '../../contracts/errors.ts';
import type { Endpoint, EndpointRequest } from './contract.ts';
import { contains, parseCidr, parseIpv4 } from './ipv4.ts';
import { holds, parseIpv6 } from './ipv6.ts';

const four = { block: parseCidr('169.254.0.0/16').block, prefixLength: 16 };
/** The prefix of the link is shorter than the block of such addresses (RFC 4291, 2.5.6). */
const six = { block: 'fe80::/10', prefixLength: 64 };

/** Of a wish, those that are no addresses at all, in Docker's words. */
export const complaintsAboutLinkLocal = ({ linkLocalAddresses = [] }: EndpointRequest): string[] =>
  linkLocalAddresses
    .filter(address => parseIpv4(address) === undefined && parseIpv6(address) === undefined)
    .map(address => `invalid link-local IP address: ${address}`);

/**
 * The addresses that a user gives to the link itself (`--link-local-ip`), each once. @throws invalid-argument when one
 * belongs to no link, in Docker's words, or is of a family that the network has not
 */
export function linkLocalAddresses(
  { linkLocalAddresses: wished = [] }: EndpointRequest,
  { ipv6Address, networkName }: Endpoint,
): { address: string; prefixLength: number }[] {
  return [...new Set(wished)].map(address => {
    const value = parseIpv4(address);
    if (!(value === undefined ? holds(six.block, address) : contains(four.block, value)))
      throw invalidArgument(`invalid link local IP address: ${address}`);
    if (value !== undefined) return { address, prefixLength: four.prefixLength };
    if (!ipv6Address) throw invalidArgument(`network ${networkName} has no IPv6 for link local IP address ${address}`);
    return { address, prefixLength: six.prefixLength };
  });
}
