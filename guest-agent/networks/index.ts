/** Every container's network: namespaces, bridges, addresses, published ports, and the files that tell about them. */
export { addressUse } from './address-use.ts';
export type * from './contract.ts';
export { makeHostFiles } from './host-files.ts';
export { openNetworks } from './networks.ts';
export { parsePort, toPortMap } from './published-ports.ts';
