import { invalidArgument } from '../../contracts/errors.ts';
import type { EndpointRequest, NetworkRecord } from './contract.ts';
import { contains, parseCidr, parseIpv4 } from './ipv4.ts';
import { holds, parseIpv6 } from './ipv6.ts';
import { complaintsAboutLinkLocal } from './link-local.ts';

/** What of a wish for a network cannot be, in Docker's words and order (moby validateEndpointSettings). */
export const complaintsAbout = (wish: EndpointRequest, network: NetworkRecord): string[] => [
  ...(network.predefined ? complaintsAboutPredefined(wish) : []),
  ...complaintsAboutForm(wish),
  ...complaintsAboutPlace(wish, network),
];

function complaintsAboutPredefined({ ipAddress, ipv6Address, aliases = [] }: EndpointRequest): string[] {
  const complaints: string[] = [];
  if (ipAddress || ipv6Address) complaints.push('user specified IP address is supported on user defined networks only');
  if (aliases.length > 0)
    complaints.push('network-scoped alias is supported only for containers in user defined networks');
  return complaints;
}

function complaintsAboutForm(wish: EndpointRequest): string[] {
  const { ipAddress, ipv6Address } = wish;
  const complaints: string[] = [];
  if (ipAddress && parseIpv4(ipAddress) === undefined) complaints.push(`invalid IPv4 address: ${ipAddress}`);
  if (ipv6Address && parseIpv6(ipv6Address) === undefined) complaints.push(`invalid IPv6 address: ${ipv6Address}`);
  return [...complaints, ...complaintsAboutLinkLocal(wish)];
}

function complaintsAboutPlace({ ipAddress, ipv6Address }: EndpointRequest, network: NetworkRecord): string[] {
  const complaints: string[] = [];
  const { predefined, ipam } = network;
  const fourth = ipam.config.filter(({ subnet }) => !subnet.includes(':'));
  const sixth = ipam.config.filter(({ subnet }) => subnet.includes(':'));
  const isInside = (address = -1): boolean => fourth.some(({ subnet }) => contains(parseCidr(subnet).block, address));
  if (ipAddress && !predefined && fourth.every(({ subnetChosen }) => subnetChosen)) {
    complaints.push(
      'user specified IP address is supported only when connecting to networks with user configured subnets',
    );
  } else if (ipAddress && !isInside(parseIpv4(ipAddress))) {
    complaints.push(`no configured subnet or ip-range contain the IP address ${ipAddress}`);
  }
  if (ipv6Address && !sixth.some(({ subnet }) => holds(subnet, ipv6Address)))
    complaints.push(`no configured subnet or ip-range contain the IP address ${ipv6Address}`);
  return complaints;
}

/** @throws invalid-argument that tells all complaints */
export function checkWish(wish: EndpointRequest, network: NetworkRecord): void {
  const complaints = complaintsAbout(wish, network);
  if (complaints.length === 0) return;
  const list = complaints.length === 1 ? complaints : complaints.map(complaint => `* ${complaint}`);
  throw invalidArgument(`invalid endpoint settings:\n${list.join('\n')}`);
}
