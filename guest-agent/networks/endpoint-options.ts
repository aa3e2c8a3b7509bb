import { invalidArgument, messageOf } from '../../contracts/errors.ts';
import { inNetworkNamespace } from '../syscalls/network-namespace.ts';
import type { EndpointRequest } from './contract.ts';
import { type Namespace, writeSetting } from './sandbox.ts';

const option = {
  interfaceName: 'com.docker.network.endpoint.ifname',
  settings: 'com.docker.network.endpoint.sysctls',
} as const;
const longestInterfaceName = 15;

/** The name that the container's user wants for a link, or the first of `eth0`, `eth1` … that is free. @throws invalid-argument */
export function interfaceNameOf(
  { driverOptions = {} }: EndpointRequest,
  taken: readonly string[],
  prefix = 'eth',
): string {
  const wanted = driverOptions[option.interfaceName];
  if (wanted) return checkInterfaceName(wanted);
  for (let number = 0; ; number++) if (!taken.includes(`${prefix}${number}`)) return `${prefix}${number}`;
}

function checkInterfaceName(name: string): string {
  if (name.length > longestInterfaceName || !/^[^\s/:]+$/.test(name) || name === 'lo' || name === '.' || name === '..')
    throw invalidArgument(`invalid interface name: ${name}`);
  return name;
}

/** `net.ipv4.conf.IFNAME.log_martians=1,…` into /proc/sys, where IFNAME is the endpoint's link. @throws invalid-argument */
export function writeEndpointSettings(
  namespace: Namespace,
  { driverOptions = {} }: EndpointRequest,
  interfaceName: string,
): void {
  const settings = driverOptions[option.settings];
  if (!settings) return;
  for (const setting of settings.split(',')) {
    const [, path, value] = /^(net\.(?:ipv4|ipv6|mpls)\.(?:conf|neigh)\.IFNAME\.[a-z0-9_]+)=(.*)$/.exec(setting) ?? [];
    if (path === undefined || value === undefined)
      throw invalidArgument(
        `unrecognised network interface sysctl '${setting}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`,
      );
    const file = path
      .replace('IFNAME', '\0')
      .replaceAll('.', '/')
      .replace('\0', () => interfaceName);
    try {
      inNetworkNamespace(namespace.fd, () => writeSetting(file, value, { required: true }));
    } catch (error) {
      throw invalidArgument(`unable to set sysctl ${setting}: ${messageOf(error)}`, { cause: error });
    }
  }
}
