import type { HostConfig } from '../../contracts/docker/containers.ts';
import { conflict } from '../../contracts/errors.ts';
import type { RuntimeMount } from '../../contracts/oci/runtime-spec.ts';
import type { UserRemap } from '../runtime/index.ts';

/** How the users of a container are numbered outside; nothing when they are as they are (`--userns=host`, or no remapping). */
export const remapOf = (host: HostConfig, remap: UserRemap | undefined): UserRemap | undefined =>
  host.UsernsMode === 'host' ? undefined : remap;

/** What a container without power over the machine cannot have. @throws in Docker's words */
export function checkRemapped(host: HostConfig, remap: UserRemap | undefined): void {
  if (!remapOf(host, remap)) return;
  if (host.Privileged) {
    throw conflict(
      'privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when running privileged mode',
    );
  }
  if (host.NetworkMode === 'host') {
    throw conflict("cannot share the host's network namespace when user namespaces are enabled");
  }
  if (host.PidMode === 'host') {
    throw conflict('cannot share the host PID namespace when user namespaces are enabled');
  }
}

/** Files that the engine keeps for containers are their users' own; the host's stay the host's. */
export const mappedMounts = (mounts: readonly RuntimeMount[], ours: readonly string[]): RuntimeMount[] =>
  mounts.map(mount => {
    const isOurs = mount.type === 'bind' && ours.some(folder => mount.source?.startsWith(`${folder}/`));
    return isOurs ? { ...mount, options: [...(mount.options ?? []), 'idmap'] } : mount;
  });

/** The number outside of a container's root. */
export const rootOutside = (remap: UserRemap | undefined): { uid: number; gid: number } => ({
  uid: remap?.uidMappings[0]?.hostID ?? 0,
  gid: remap?.gidMappings[0]?.hostID ?? 0,
});
