import type { HostConfig } from '../../../contracts/docker/containers.ts';
import { invalidArgument, notImplemented } from '../../../contracts/errors.ts';
import { epochOf } from '../args.ts';
import type { BuildRequest } from '../contract.ts';

/** What the Dockerfile frontend is told: BuildKit's names (frontend/dockerui). */
export type FrontendOptions = Readonly<Record<string, string>>;

/** Options whose name begins so, by what follows. */
export const optionsUnder = (options: FrontendOptions, prefix: string): Record<string, string> =>
  Object.fromEntries(
    Object.entries(options).flatMap(([key, value]) =>
      key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : [],
    ),
  );

/** @throws invalid-argument, not-implemented for what is not there yet */
export function toBuildRequest(options: FrontendOptions, entitlements: readonly string[]): BuildRequest {
  const { platform } = options;
  if (options['attest:sbom'] !== undefined) throw notImplemented('SBOM attestations are not part of Berth yet');
  const noCache = options['no-cache'];
  const args = optionsUnder(options, 'build-arg:');
  return {
    target: options.target || undefined,
    args,
    epoch: epochOf(args),
    labels: optionsUnder(options, 'label:'),
    noCache: noCache === '',
    noCacheFilter: (noCache ?? '').split(',').filter(Boolean),
    pull: options['image-resolve-mode'] === 'pull',
    platform: platform || undefined,
    host: hostOf(options),
    hostNetwork: entitlements.includes('network.host'),
    serial: false,
    showsPlatform: false,
  };
}

function hostOf(options: FrontendOptions): HostConfig {
  const hosts = (options['add-hosts'] ?? '').split(',').filter(Boolean);
  const network = options['force-network-mode'];
  const shm = options['shm-size'];
  const ulimits = (options.ulimit ?? '').split(',').filter(Boolean);
  return {
    ...(hosts.length > 0 ? { ExtraHosts: hosts.map(host => host.replace('=', ':')) } : {}),
    ...(network && network !== 'default' && network !== 'sandbox' ? { NetworkMode: network } : {}),
    ...(shm ? { ShmSize: Number(shm) } : {}),
    ...(options['cgroup-parent'] ? { CgroupParent: options['cgroup-parent'] } : {}),
    ...(ulimits.length > 0 ? { Ulimits: ulimits.map(ulimitOf) } : {}),
  };
}

/** `nofile=1024:2048` */
function ulimitOf(text: string): { Name: string; Soft: number; Hard: number } {
  const [, Name = '', soft = '', hard = soft] = /^(\w+)=(-?\d+)(?::(-?\d+))?$/.exec(text) ?? [];
  if (Name === '') throw invalidArgument(`invalid ulimit argument: ${text}`);
  return { Name, Soft: Number(soft), Hard: Number(hard) };
}
