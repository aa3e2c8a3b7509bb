import { invalidArgument } from '../../contracts/errors.ts';
import type { EndpointRequest, NetworkRecord } from './contract.ts';
import { contains, parseCidr, parseIpv4 } from './ipv4.ts';
import { holds, parseIpv6 } from './ipv6.ts';

/** What of a wish for a network cannot be, in Docker's words (moby validateEndpointSettings). */
export function complaintsAbout(wish: EndpointRequest, { predefined, ipam }: NetworkRecord): string[] {
  const complaints: string[] = [];
  const { ipAddress, ipv6Address, aliases = [] } = wish;
  if (predefined && (ipAddress || ipv6Address))
    complaints.push('user specified IP address is supported on user defined networks only');
  if (predefined && aliases.length > 0)
    complaints.push('network-scoped alias is supported only for containers in user defined networks');
  const sixth = ipam.config.filter(({ subnet }) => subnet.includes(':'));
  if (ipv6Address && parseIpv6(ipv6Address) === undefined) complaints.push(`invalid IPv6 address: ${ipv6Address}`);
  if (ipv6Address && !sixth.some(({ subnet }) => holds(subnet, ipv6Address)))
    complaints.push(`no configured subnet or ip-range contain the IP address ${ipv6Address}`);
  if (!ipAddress) return complaints;
  const fourth = ipam.config.filter(config => !sixth.includes(config));
  const address = parseIpv4(ipAddress);
  if (address === undefined) complaints.push(`invalid IPv4 address: ${ipAddress}`);
  if (!predefined && fourth.every(({ subnetChosen }) => subnetChosen)) {
    complaints.push(
      'user specified IP address is supported only when connecting to networks with user configured subnets',
    );
  } else if (address !== undefined && !fourth.some(({ subnet }) => contains(parseCidr(subnet).block, address))) {
    complaints.push(`no configured subnet or ip-range contain the IP address ${ipAddress}`);
  }
  return complaints;
}

/** @throws invalid-argument that tells all complaints */
export function checkWish(wish: EndpointRequest, network: NetworkRecord): void {
  const complaints = complaintsAbout(wish, network);
  if (complaints.length === 0) return;
  const list = complaints.length === 1 ? complaints : complaints.map(complaint => `* ${complaint}`);
  throw invalidArgument(`invalid endpoint settings:\n${list.join('\n')}`);
}
