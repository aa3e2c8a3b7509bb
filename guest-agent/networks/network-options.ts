import { internal, invalidArgument } from '../../contracts/errors.ts';
import type { NetworkCreateRequest } from './contract.ts';
import { parseIpv4 } from './ipv4.ts';
import { parseIpv6 } from './ipv6.ts';

/** What a bridge network may be asked for with `-o`. */
export const option = {
  bridgeName: 'com.docker.network.bridge.name',
  masquerade: 'com.docker.network.bridge.enable_ip_masquerade',
  betweenContainers: 'com.docker.network.bridge.enable_icc',
  hostAddress: 'com.docker.network.bridge.host_binding_ipv4',
  mtu: 'com.docker.network.driver.mtu',
  interfacePrefix: 'com.docker.network.container_iface_prefix',
  withoutAddress: 'com.docker.network.bridge.inhibit_ipv4',
  trusted: 'com.docker.network.bridge.trusted_host_interfaces',
} as const;

/** Options of one family. */
const sourceAddress = { four: 'com.docker.network.host_ipv4', six: 'com.docker.network.host_ipv6' } as const;
const gatewayMode = {
  four: 'com.docker.network.bridge.gateway_mode_ipv4',
  six: 'com.docker.network.bridge.gateway_mode_ipv6',
} as const;
const gatewayModes: ReadonlySet<string> = new Set(['', 'nat', 'nat-unprotected', 'routed', 'isolated']);

export type BridgeFamily = keyof typeof gatewayMode;
type Options = Readonly<Record<string, string>>;

/** Nothing of the host is in an isolated network: its bridge has no address of the family. */
export const isIsolated = (options: Options, family: BridgeFamily): boolean =>
  options[gatewayMode[family]] === 'isolated';

/** Containers keep their own addresses outside: none is translated, and published ports are let in at the container's. */
export const isRouted = (options: Options, family: BridgeFamily): boolean => options[gatewayMode[family]] === 'routed';

/** What leaves has this address instead of that of the link it leaves by; undefined: it does not. */
export const sourceOf = (options: Options, family: BridgeFamily): string | undefined =>
  options[sourceAddress[family]] || undefined;

/** From where containers are reached at all of their ports, not only at those that are published. */
export function openTo(options: Options, family: BridgeFamily): 'everybody' | readonly string[] {
  if (options[gatewayMode[family]] === 'nat-unprotected') return 'everybody';
  return (options[option.trusted] ?? '').split(':').filter(name => /^[\w.@-]{1,15}$/.test(name));
}

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
export function checkOptions(options: Options, { internal: closed }: { internal: boolean }): void {
  for (const name of [option.masquerade, option.betweenContainers, option.withoutAddress]) {
    const value = options[name];
    if (value !== undefined && !yes.has(value) && !no.has(value)) throw unreadable(name, value, 'strconv.ParseBool');
  }
  const { [option.mtu]: mtu, [option.hostAddress]: address } = options;
  if (mtu !== undefined && !/^[+-]?\d+$/.test(mtu)) throw unreadable(option.mtu, mtu, 'strconv.Atoi');
  if (mtu !== undefined && Number(mtu) < 0) throw invalidArgument(`invalid MTU number: ${mtu}`);
  if (address !== undefined && parseIpv4(address) === undefined)
    throw invalidArgument(`failed to parse ${option.hostAddress} value: ${address} (nil ip)`);
  checkFamily(options, 'four', closed);
  checkFamily(options, 'six', closed);
}

function checkFamily(options: Options, family: BridgeFamily, closed: boolean): void {
  const [mode = '', source] = [options[gatewayMode[family]], options[sourceAddress[family]]];
  if (source && (family === 'four' ? parseIpv4(source) : parseIpv6(source)) === undefined)
    throw invalidArgument(`failed to parse ${sourceAddress[family]} value: ${source} (nil ip)`);
  if (!gatewayModes.has(mode))
    throw invalidArgument(`failed to parse ${gatewayMode[family]} value: ${mode} (unknown gateway mode ${mode})`);
  if (mode === 'isolated' && !closed)
    throw internal(`gateway mode 'isolated' can only be used for an internal network`);
}

const unreadable = (name: string, value: string, call: string): Error =>
  invalidArgument(
    `failed to parse ${name} value: ${value} (${call}: parsing ${JSON.stringify(value)}: invalid syntax)`,
  );
