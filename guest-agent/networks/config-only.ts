import { forbidden, notFound } from '../../contracts/errors.ts';
import type { NetworkCreateRequest, NetworkRecord, Subnet } from './contract.ts';
import { completeSubnet } from './ipam.ts';
import { completeSubnet6 } from './ipv6.ts';

/** A network that is none, but a form for others: what it wishes is checked, and not taken. @throws in Docker's words */
export function formOf({
  configFrom,
  internal,
  attachable,
  ipam,
}: NetworkCreateRequest): Pick<NetworkRecord, 'ipam' | 'configOnly'> {
  if (configFrom) throw forbidden('a configuration network cannot depend on another configuration network');
  if (internal || attachable) {
    throw forbidden(
      'configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.',
    );
  }
  const complete = (wish: Partial<Subnet>): Subnet =>
    wish.subnet?.includes(':') ? completeSubnet6(wish, []) : completeSubnet(wish, []);
  const config = (ipam?.config ?? []).map(complete);
  return { ipam: { driver: 'default', options: ipam?.options ?? {}, config }, configOnly: true };
}

/** The request with what its form says. @throws not-found, forbidden in Docker's words */
export function filledIn(request: NetworkCreateRequest, forms: readonly NetworkRecord[]): NetworkCreateRequest {
  const { configFrom, ipam, labels = {}, options = {} } = request;
  if (!configFrom) return request;
  const form = forms.find(({ name, id, configOnly }) => configOnly && (name === configFrom || id === configFrom));
  if (!form) throw notFound(`configuration network "${configFrom}" does not exist`);
  if (Object.keys(options).length > 0)
    throw forbidden('network driver options are not supported if the network depends on a configuration network');
  if ((ipam?.config ?? []).length > 0 || Object.keys(labels).length > 0 || request.enableIPv6)
    throw forbidden(
      'user specified configurations are not supported if the network depends on a configuration network',
    );
  return {
    ...request,
    configFrom: form.name,
    enableIPv4: form.enableIPv4,
    enableIPv6: form.enableIPv6,
    ipam: { driver: 'default', options: form.ipam.options ?? {}, config: form.ipam.config.map(asWish) },
    options: form.options,
    labels: form.labels,
  };
}

/** A gateway that nobody asked for is chosen anew. */
const asWish = ({ gateway, gatewayChosen, ...wish }: Subnet): Partial<Subnet> =>
  gatewayChosen ? wish : { ...wish, gateway };
