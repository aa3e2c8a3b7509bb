import { hostname } from 'node:os';
import type { ConnectRequest, HostFiles } from './contract.ts';
import {
  containerResolver,
  extraHostLine,
  hostsText,
  readHostHosts,
  readHostResolver,
  resolverText,
  writeHostFiles,
} from './host-files.ts';

/** What the files of one container say beyond its own request. */
export interface FileContext {
  addresses: readonly string[];
  hostGateway: string;
  /** the container lives in the host's own network */
  onHost: boolean;
  defaults: { dns?: string[]; dnsSearch?: string[]; dnsOptions?: string[] };
}

const firstGiven = (...lists: (string[] | undefined)[]): string[] => lists.find(list => list?.length) ?? [];

/** Writes `hosts`, `resolv.conf` and `hostname` into the request's directory. @throws invalid-argument for a bad extra host */
export function writeContainerFiles(request: ConnectRequest, context: FileContext): HostFiles {
  const { addresses, hostGateway, onHost, defaults } = context;
  const extra = (request.extraHosts ?? []).map(text => extraHostLine(text, hostGateway));
  const name = request.hostname || (onHost ? hostname() : request.id.slice(0, 12));
  const wish = {
    servers: firstGiven(request.dns, defaults.dns),
    search: firstGiven(request.dnsSearch, defaults.dnsSearch),
    options: firstGiven(request.dnsOptions, defaults.dnsOptions),
  };
  return writeHostFiles(request.directory, {
    hosts: onHost
      ? [readHostHosts().trimEnd(), ...extra, ''].join('\n')
      : hostsText({ extra, addresses, hostname: name, domainname: request.domainname }),
    resolvConf: resolverText(containerResolver(readHostResolver(), wish, { loopbackWorks: onHost })),
    hostname: name,
  });
}
