import { readFileSync } from 'node:fs';
import { release as kernelRelease } from 'node:os';
import type { HostConfig } from '../../contracts/docker/containers.ts';
import { internal, invalidArgument, messageOf } from '../../contracts/errors.ts';
import {
  appArmorEnabled,
  compileSeccomp,
  type DockerSeccompProfile,
  defaultAppArmorProfile,
  ensureDefaultProfile,
  isSeccompAction,
} from '../runtime/index.ts';
import { parseSecurityOptions } from './security-options.ts';

/** The AppArmor profile that a container's processes run under; nothing where the kernel has no AppArmor. */
export function appArmorProfileOf(host: HostConfig): string | undefined {
  if (!appArmorEnabled()) return undefined;
  if (host.Privileged) return 'unconfined';
  return parseSecurityOptions(host).appArmorProfile || defaultAppArmorProfile;
}

/** The same for a process about to start: a profile of ours is there from now on. @throws internal when it cannot be */
export function confinedBy(host: HostConfig): string | undefined {
  const profile = appArmorProfileOf(host);
  if (profile === defaultAppArmorProfile) ensureDefaultProfile();
  return profile;
}

/** The configuration file's word on seccomp: a profile's text for the path of one. @throws Error in dockerd's words */
export function readUsualSeccomp(profile = ''): string {
  if (profile === '' || profile === 'builtin' || profile === 'unconfined') return profile;
  try {
    return readFileSync(profile, 'utf8');
  } catch (cause) {
    throw new Error(`opening seccomp profile (${profile}) failed: ${goFileError(cause)}`, { cause });
  }
}

/** As Go says it: `open /x: no such file or directory`. */
function goFileError(error: unknown): string {
  const { code, path, message } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' ? `open ${path}: no such file or directory` : message;
}

/**
 * The filter of `--security-opt seccomp=…`, else the `usual` one; a privileged container has none but its own.
 * @throws invalid-argument in Docker's words
 */
export function seccompFilterFor(host: HostConfig, capabilities: string[], usual = ''): Buffer | undefined {
  const { seccompProfile: own } = parseSecurityOptions(host);
  if (host.Privileged && own === '') return undefined;
  const chosen = own || usual;
  if (chosen === 'unconfined') return undefined;
  if (chosen === '' || chosen === 'builtin')
    return compileSeccomp('default', { capabilities, kernel: kernelRelease() });
  const profile = decodeProfile(chosen);
  if (!profile.defaultAction && !profile.syscalls?.length) return undefined; // nothing is said: runc takes it for no filter
  return compileSeccomp(profile, { capabilities, kernel: kernelRelease() });
}

/** @throws invalid-argument in Docker's words */
function decodeProfile(text: string): DockerSeccompProfile {
  const failed = 'Decoding seccomp profile failed: ';
  const profile = parseJson(text, failed);
  if (typeof profile !== 'object' || profile === null || Array.isArray(profile)) {
    const kind = Array.isArray(profile) ? 'array' : typeof profile;
    throw invalidArgument(`${failed}json: cannot unmarshal ${kind} into Go value of type seccomp.Seccomp`);
  }
  const decoded = profile as DockerSeccompProfile;
  if (decoded.architectures?.length && decoded.archMap?.length)
    throw invalidArgument(onlyOne('architectures', 'archMap'));
  if (decoded.syscalls?.some(({ name, names }) => name && names?.length))
    throw invalidArgument(onlyOne('name', 'names'));
  const actions = [decoded.defaultAction, ...(decoded.syscalls ?? []).map(({ action }) => action)];
  const unknown = actions.find(action => action && !isSeccompAction(action));
  if (unknown) throw internal(`${notCreated}string ${unknown} is not a valid action for seccomp`);
  return decoded;
}

const notCreated =
  'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: ';

const onlyOne = (one: string, other: string): string =>
  `both '${one}' and '${other}' are specified in the seccomp profile, use either '${one}' or '${other}'`;

function parseJson(text: string, failed: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const at = Number(/position (\d+)/.exec(messageOf(cause))?.[1] ?? text.length);
    const reason =
      at >= text.length
        ? 'unexpected end of JSON input'
        : `invalid character '${text[at]}' looking for beginning of value`;
    throw invalidArgument(failed + reason, { cause });
  }
}
