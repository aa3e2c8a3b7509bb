import { findLink, removeLink } from '../netlink/index.ts';
import { portsOf } from './bridge.ts';
import type { BridgeNetwork } from './bridge-network.ts';
import type { Endpoint } from './contract.ts';
import type { Ground } from './driver-network.ts';
import type { Live } from './live.ts';
import type { NetworkList } from './network-list.ts';

/** Takes back what a running container had before the engine started again. */
export function claim(live: Live, endpoint: Endpoint, networks: NetworkList, { host, log }: Ground): void {
  const { interfaceName, hostInterface } = endpoint;
  if (interfaceName === '') return;
  try {
    networks.find(endpoint.networkId)?.addresses.claim(endpoint);
  } catch (error) {
    log.warn('a running container has an address that is not free', { address: endpoint.ipAddress, error });
  }
  const other = hostInterface ? findLink(host, hostInterface) : undefined;
  const inside = hostInterface ? undefined : live.namespace && findLink(live.namespace.connection, interfaceName);
  if (other) live.wires.push({ interfaceName, index: 0, host: { name: hostInterface, index: other.index } });
  else if (inside) live.wires.push({ interfaceName, index: inside.index });
  else log.warn('a running container has lost its link', { id: live.record.id, link: hostInterface || interfaceName });
}

/** Takes away links of a bridge that belong to nobody: an engine died between making one and writing it down. */
export function removeStrangers({ index }: BridgeNetwork, known: ReadonlySet<string>, { host, log }: Ground): void {
  const strangers = portsOf(host, index).filter(
    ({ kind, name }) => kind === 'veth' && name.startsWith('ve') && !known.has(name),
  );
  for (const { name } of strangers) {
    try {
      host.request(removeLink(name));
      log.info('removed a link that belongs to no container', { link: name });
    } catch (error) {
      log.warn('a leftover link could not be removed', { link: name, error });
    }
  }
}
