import { type Decoded, fields, flag, integer, list, map, text } from '../decode.ts';
import type { Labels } from './common.ts';

const endpointIpam = fields({ IPv4Address: text, IPv6Address: text, LinkLocalIPs: list(text) });

/** A container's place in a network: what a client asks for, and what it got. */
export const endpointSettings = fields(
  {
    IPAMConfig: endpointIpam,
    Links: list(text),
    Aliases: list(text),
    MacAddress: text,
    DriverOpts: map(text),
    GwPriority: integer,
    NetworkID: text,
    EndpointID: text,
    Gateway: text,
    IPAddress: text,
    IPPrefixLen: integer,
    IPv6Gateway: text,
    GlobalIPv6Address: text,
    GlobalIPv6PrefixLen: integer,
    DNSNames: list(text),
  },
  'network.EndpointSettings',
);
export type EndpointSettings = Decoded<typeof endpointSettings>;

const ipamConfig = fields(
  { Subnet: text, IPRange: text, Gateway: text, AuxiliaryAddresses: map(text) },
  'network.IPAMConfig',
);
export type IpamConfig = Decoded<typeof ipamConfig>;

const ipam = fields({ Driver: text, Options: map(text), Config: list(ipamConfig) }, 'network.IPAM');
export type Ipam = Decoded<typeof ipam>;

/** `POST /networks/create`. */
export const networkCreateBody = fields(
  {
    Name: text,
    CheckDuplicate: flag,
    Driver: text,
    Scope: text,
    EnableIPv4: flag,
    EnableIPv6: flag,
    IPAM: ipam,
    Internal: flag,
    Attachable: flag,
    Ingress: flag,
    ConfigOnly: flag,
    ConfigFrom: fields({ Network: text }),
    Options: map(text),
    Labels: map(text),
  },
  'network.CreateRequest',
);
export type NetworkCreateBody = Decoded<typeof networkCreateBody>;

export interface NetworkCreateResponse {
  Id: string;
  Warning: string;
}

/** `POST /networks/{ref}/connect`. */
export const networkConnectBody = fields(
  { Container: text, EndpointConfig: endpointSettings },
  'network.ConnectOptions',
);
export type NetworkConnectBody = Decoded<typeof networkConnectBody>;

/** `POST /networks/{ref}/disconnect`. */
export const networkDisconnectBody = fields({ Container: text, Force: flag }, 'network.DisconnectOptions');
export type NetworkDisconnectBody = Decoded<typeof networkDisconnectBody>;

/** A container in `docker network inspect`; addresses carry their prefix length. */
export interface NetworkContainer {
  Name: string;
  EndpointID: string;
  MacAddress: string;
  IPv4Address: string;
  IPv6Address: string;
}

/** `GET /networks/{ref}`, and an entry of `GET /networks` (there without containers). */
export interface NetworkInspect {
  Name: string;
  Id: string;
  Created: string;
  Scope: string;
  Driver: string;
  EnableIPv4: boolean;
  EnableIPv6: boolean;
  IPAM: { Driver: string; Options: Record<string, string> | null; Config: IpamConfig[] | null };
  Internal: boolean;
  Attachable: boolean;
  Ingress: boolean;
  ConfigFrom: { Network: string };
  ConfigOnly: boolean;
  Containers: Record<string, NetworkContainer>;
  Options: Record<string, string>;
  Labels: Labels;
  /** Of one network alone, since API 1.52. */
  Status?: { IPAM: { Subnets?: Record<string, { IPsInUse: number; DynamicIPsAvailable: number }> } };
}

export interface NetworkPruneReport {
  NetworksDeleted: string[] | null | null;
}
