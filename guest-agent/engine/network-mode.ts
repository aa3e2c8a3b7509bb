import type { ContainerConfig, HostConfig } from '../../contracts/docker/containers.ts';
import { invalidArgument } from '../../contracts/errors.ts';

/**
 * What a container that has its network from another one cannot have of its own (moby runconfig/hostconfig_unix.go,
 * validateNetContainerMode). What its image says is not looked at. @throws invalid-argument in Docker's words
 */
export function checkSharedNetwork(config: ContainerConfig, host: HostConfig): void {
  const mode = host.NetworkMode ?? '';
  if (!/^container(:|$)/.test(mode)) return;
  const refuse = (what: string): Error => invalidArgument(`conflicting options: ${what}`);
  if (!/^container:./.test(mode)) {
    throw invalidArgument('invalid network mode: invalid container format container:<name|id>');
  }
  if (config.Hostname) throw refuse('hostname and the network mode');
  if (host.Links?.length) {
    throw refuse("container type network can't be used with links. This would result in undefined behavior");
  }
  if (host.Dns?.length) throw refuse('dns and the network mode');
  if (host.ExtraHosts?.length) throw refuse('custom host-to-IP mapping and the network mode');
  const isPublished = host.PublishAllPorts || Object.keys(host.PortBindings ?? {}).length > 0;
  if (isPublished) throw refuse('port publishing and the container type network mode');
  if (Object.keys(config.ExposedPorts ?? {}).length > 0) {
    throw refuse('port exposing and the container type network mode');
  }
}
