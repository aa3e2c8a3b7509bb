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
 * at all: HTTPS is tried first, as Docker does. Others get HTTPS only.
 */
export function endpointsOf(
  domain: string,
  settings: { mirrors?: readonly string[]; insecureRegistries?: readonly string[] },
): RegistryEndpoint[] {
  const insecureList = settings.insecureRegistries ?? [];
  if (domain !== defaultDomain) return ownEndpoints(domain, insecureList);
  const mirrors = (settings.mirrors ?? []).map(mirror => mirrorEndpoint(mirror, insecureList));
  return [...mirrors, { base: `https://${hubHost}/`, insecure: false, mirror: false }];
}

function ownEndpoints(host: string, insecureList: readonly string[]): RegistryEndpoint[] {
  const insecure = isInsecure(host, insecureList);
  const secure = { base: `https://${host}/`, insecure, mirror: false };
  return insecure ? [secure, { base: `http://${host}/`, insecure, mirror: false }] : [secure];
}

function mirrorEndpoint(mirror: string, insecureList: readonly string[]): RegistryEndpoint {
  const url = new URL(mirror);
  const base = url.href.endsWith('/') ? url.href : `${url.href}/`;
  return { base, insecure: isInsecure(url.host, insecureList), mirror: true };
}

/** True for loopback, and for hosts (with or without port) and CIDR blocks that the configuration names. */
export function isInsecure(host: string, insecureList: readonly string[]): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  if (isLoopback(name)) return true;
  return insecureList.some(entry => entry === host || entry === name || inBlock(name, entry));
}
