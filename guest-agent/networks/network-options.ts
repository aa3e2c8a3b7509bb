import { invalidArgument } from '../../contracts/errors.ts';
import type { NetworkCreateRequest } from './contract.ts';
import { parseIpv4 } from './ipv4.ts';

/** What a bridge network may be asked for with `-o`. */
export const option = {
  bridgeName: 'com.docker.network.bridge.name',
  masquerade: 'com.docker.network.bridge.enable_ip_masquerade',
  betweenContainers: 'com.docker.network.bridge.enable_icc',
  hostAddress: 'com.docker.network.bridge.host_binding_ipv4',
  mtu: 'com.docker.network.driver.mtu',
} as const;

const yes: ReadonlySet<string> = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const no: ReadonlySet<string> = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

/** Go's ParseBool; absent is `otherwise`. Of options that {@link checkOptions} has seen. */
export const isOn = (value: string | undefined, otherwise: boolean): boolean =>
  value === undefined ? otherwise : yes.has(value);

const family = { enableIPv4: 'com.docker.network.enable_ipv4', enableIPv6: 'com.docker.network.enable_ipv6' } as const;

/** The request with what networks of its driver have if they do not say otherwise; which families it has may be an option, too. */
export function withDefaults(
  request: NetworkCreateRequest,
  defaults: Readonly<Record<string, string>> = {},
): NetworkCreateRequest {
  const options = { ...defaults, ...request.options };
  const has = (key: keyof typeof family): boolean | undefined => {
    const value = options[family[key]];
    if (value !== undefined && !yes.has(value) && !no.has(value))
      throw unreadable(family[key], value, 'strconv.ParseBool');
    return request[key] ?? (value === undefined ? undefined : yes.has(value));
  };
  return { ...request, options, enableIPv4: has('enableIPv4'), enableIPv6: has('enableIPv6') };
}

/** @throws invalid-argument in dockerd's words */
export function checkOptions(options: Readonly<Record<string, string>>, _network: { internal: boolean }): void {
  for (const name of [option.masquerade, option.betweenContainers]) {
    const value = options[name];
    if (value !== undefined && !yes.has(value) && !no.has(value)) throw unreadable(name, value, 'strconv.ParseBool');
  }
  const { [option.mtu]: mtu, [option.hostAddress]: address } = options;
  if (mtu !== undefined && !/^[+-]?\d+$/.test(mtu)) throw unreadable(option.mtu, mtu, 'strconv.Atoi');
  if (mtu !== undefined && Number(mtu) < 0) throw invalidArgument(`invalid MTU number: ${mtu}`);
  if (address !== undefined && parseIpv4(address) === undefined)
    throw invalidArgument(`failed to parse ${option.hostAddress} value: ${address} (nil ip)`);
}

const unreadable = (name: string, value: string, call: string): Error =>
  invalidArgument(
    `failed to parse ${name} value: ${value} (${call}: parsing ${JSON.stringify(value)}: invalid syntax)`,
  );
