import { isIPv4 } from 'node:net';
import { invalidArgument } from '../../contracts/errors.ts';
import type { DaemonConfig } from './directives.ts';

/** Of one family of the default network: its gateway with the prefix, where addresses are chosen from, its way out. */
export interface FamilySettings {
  cidr?: string;
  range?: string;
  gateway?: string;
}

/** What the configuration says of networks, in words of our own. */
export interface NetworkSettings {
  /** of the default network; `ipv6` absent: it has none, nor have others that do not ask for it */
  bridge: FamilySettings & { ipv6?: FamilySettings; options: Record<string, string> };
  /** options of new networks of users that do not say otherwise, by driver */
  driverOptions: Record<string, Record<string, string>>;
  /** blocks that subnets are cut from */
  addressPools: { base: string; size: number }[];
  /** what `host-gateway` means; empty: the default network's own addresses */
  hostGateways: string[];
}

/**
 * `bip` may be a flag as well. Networks have IPv6 unless the configuration says no; what it says is then as dockerd has
 * it: only those have it that ask for it. @throws invalid-argument in dockerd's words
 */
export function networkSettings(config: DaemonConfig, bip = config.bip): NetworkSettings {
  return {
    bridge: {
      ...family(bip, config['fixed-cidr'], config['default-gateway']),
      ...(config.ipv6 !== false && {
        ipv6: family(config.bip6, config['fixed-cidr-v6'], config['default-gateway-v6']),
      }),
      options: bridgeOptions(config),
    },
    driverOptions: config['default-network-opts'] ?? {},
    addressPools: addressPools(config),
    hostGateways: config['host-gateway-ips'] ?? (config['host-gateway-ip'] ? [config['host-gateway-ip']] : []),
  };
}

const family = (cidr = '', range = '', gateway = ''): FamilySettings => ({
  ...(cidr && { cidr }),
  ...(range && { range }),
  ...(gateway && { gateway }),
});

/** Options of the default network that have keys of their own. */
const bridgeOptions = ({ ip, icc, mtu, 'ip-masq': masquerade }: DaemonConfig): Record<string, string> => ({
  ...(ip && isIPv4(ip) && { 'com.docker.network.bridge.host_binding_ipv4': ip }),
  ...(icc === false && { 'com.docker.network.bridge.enable_icc': 'false' }),
  ...(masquerade === false && { 'com.docker.network.bridge.enable_ip_masquerade': 'false' }),
  ...(mtu && { 'com.docker.network.driver.mtu': String(mtu) }),
});

function addressPools(config: DaemonConfig): NetworkSettings['addressPools'] {
  const pools = (config['default-address-pools'] ?? []).map(({ base = '', size = 0 }) => ({ base, size }));
  for (const [index, { base, size }] of pools.entries()) {
    const prefix = Number(base.split('/')[1]);
    if (!(prefix <= size))
      throw invalidArgument(
        `could not construct local address space: network at index ${index} (&{${base} ${size}}) has a smaller prefix (/${prefix}) than the target size of that pool (/${size})`,
      );
  }
  return pools;
}
