import { hostname } from 'node:os';
import type { ConnectRequest, HostFiles, Naming } from './contract.ts';
import {
  containerResolver,
  extraHostLines,
  hostsText,
  internalResolverText,
  readHostHosts,
  readHostResolver,
  readOwnResolver,
  resolverText,
  writeHostFiles,
} from './host-files.ts';

/** What the files of one container say beyond its own request. */
export interface FileContext {
  naming: Naming;
  addresses: readonly string[];
  hostGateways: () => string[];
  /** the container lives in the host's own network */
  onHost: boolean;
  /** the container has a name service of its own */
  named: boolean;
  /** lines for containers that it is linked to */
  neighbourLines: readonly string[];
}

type Defaults = Pick<ConnectRequest, 'dns' | 'dnsSearch' | 'dnsOptions'>;

const firstGiven = (...lists: (string[] | undefined)[]): string[] | undefined => lists.find(list => list?.length);

/** What a container calls itself and whom it asks, from its request or else as all do. */
export function namingOf(request: ConnectRequest, defaults: Defaults, onHost: boolean): Naming {
  const servers = firstGiven(request.dns, defaults.dns);
  const search = firstGiven(request.dnsSearch, defaults.dnsSearch);
  const options = firstGiven(request.dnsOptions, defaults.dnsOptions);
  return {
    hostname: request.hostname || (onHost ? hostname() : request.id.slice(0, 12)),
    ...(request.domainname && { domainname: request.domainname }),
    ...(servers && { servers }),
    ...(search && { search }),
    ...(options && { options }),
    ...(request.neighbours?.length && { neighbours: request.neighbours }),
  };
}

/** Writes `hosts`, `resolv.conf` and `hostname` into the request's directory. @throws invalid-argument for a bad extra host */
export function writeContainerFiles(request: ConnectRequest, context: FileContext): HostFiles {
  const { naming, addresses, hostGateways, onHost, neighbourLines } = context;
  const own = (request.extraHosts ?? []).flatMap(text => extraHostLines(text, hostGateways));
  const extra = [...own, ...neighbourLines];
  return writeHostFiles(request.directory, {
    hosts: onHost ? [readHostHosts().trimEnd(), ...extra, ''].join('\n') : hostsText({ ...naming, extra, addresses }),
    resolvConf: resolvConfOf(naming, context),
    hostname: naming.hostname,
  });
}

/** Whom the programs of a container ask. */
export function resolvConfOf(naming: Naming, { named, onHost }: { named: boolean; onHost: boolean }): string {
  if (named) return internalResolverText(naming, readOwnResolver());
  return resolverText(containerResolver(readHostResolver(), naming, { loopbackWorks: onHost }));
}
