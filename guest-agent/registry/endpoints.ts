import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { defaultDomain } from '../../contracts/oci/reference.ts';
import { inBlock, isLoopback } from './proxy.ts';

/** One address under which a registry may answer. */
export interface RegistryEndpoint {
  /** Ends with a slash: `https://registry-1.docker.io/`. */
  base: string;
  /** No certificate check. */
  insecure: boolean;
  /** Not the registry itself, so its user's credentials are not for it. */
  mirror: boolean;
}

/** Where Docker Hub's registry really lives. */
const hubHost = 'registry-1.docker.io';

/**
 * The addresses to try for a domain, best first. An insecure registry may speak TLS with any certificate, or none
 * at all: HTTPS is tried first, as Docker does. Others get HTTPS only. `addresses` are the domain's.
 */
export function endpointsOf(
  domain: string,
  settings: { mirrors?: readonly string[]; insecureRegistries?: readonly string[] },
  addresses: readonly string[] = [],
): RegistryEndpoint[] {
  const insecureList = settings.insecureRegistries ?? [];
  if (domain !== defaultDomain) return ownEndpoints(domain, insecureList, addresses);
  const mirrors = (settings.mirrors ?? []).map(mirror => mirrorEndpoint(mirror, insecureList));
  return [...mirrors, { base: `https://${hubHost}/`, insecure: false, mirror: false }];
}

function ownEndpoints(host: string, insecureList: readonly string[], addresses: readonly string[]): RegistryEndpoint[] {
  const insecure = isInsecure(host, insecureList) || addresses.some(address => isInBlocks(address, insecureList));
  const secure = { base: `https://${host}/`, insecure, mirror: false };
  return insecure ? [secure, { base: `http://${host}/`, insecure, mirror: false }] : [secure];
}

function mirrorEndpoint(mirror: string, insecureList: readonly string[]): RegistryEndpoint {
  const url = new URL(mirror);
  const base = url.href.endsWith('/') ? url.href : `${url.href}/`;
  return { base, insecure: isInsecure(url.host, insecureList), mirror: true };
}

/** What a domain's name stands for, where the configuration has blocks of addresses that it may be in. */
export async function addressesFor(
  domain: string,
  { insecureRegistries = [] }: { insecureRegistries?: readonly string[] },
): Promise<string[]> {
  const name = hostOf(domain);
  const isAsked = domain !== defaultDomain && isIP(name) === 0 && insecureRegistries.some(entry => entry.includes('/'));
  if (!isAsked || isInsecure(domain, insecureRegistries)) return [];
  const found = await lookup(name, { all: true }).catch(() => []); // whoever connects is told
  return found.map(({ address }) => address);
}

const isInBlocks = (address: string, insecureList: readonly string[]): boolean =>
  isLoopback(address) || insecureList.some(entry => inBlock(address, entry));

const hostOf = (host: string): string => host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');

/** True for loopback, and for hosts (with or without port) and CIDR blocks that the configuration names. */
export function isInsecure(host: string, insecureList: readonly string[]): boolean {
  const name = hostOf(host);
  if (isLoopback(name)) return true;
  return insecureList.some(entry => entry === host || entry === name || inBlock(name, entry));
}
