import type { HostConfig } from '../../contracts/docker/containers.ts';
import { invalidArgument } from '../../contracts/errors.ts';

/** What `--security-opt` asks for; where it is said twice, the last holds. SELinux labels are taken and change nothing. */
export interface SecurityOptions {
  /** Empty: the default. */
  appArmorProfile: string;
  /** `unconfined`, `builtin`, a profile as JSON; empty: the default. */
  seccompProfile: string;
  noNewPrivileges: boolean;
  writableCgroups: boolean;
}

/** @throws invalid-argument in Docker's words */
export function parseSecurityOptions({ SecurityOpt: options }: HostConfig): SecurityOptions {
  const parsed = { appArmorProfile: '', seccompProfile: '', noNewPrivileges: false, writableCgroups: false };
  for (const option of options ?? []) readOption(option, parsed);
  return parsed;
}

function readOption(option: string, into: SecurityOptions): void {
  if (option === 'disable') return; // of SELinux labels
  if (option === 'no-new-privileges') into.noNewPrivileges = true;
  else if (option === 'writable-cgroups') into.writableCgroups = true;
  else {
    const separator = option.includes('=') ? '=' : ':';
    const end = option.indexOf(separator);
    if (end === -1) throw invalidArgument(`invalid --security-opt 1: ${JSON.stringify(option)}`);
    readPair(option, { key: option.slice(0, end), value: option.slice(end + 1) }, into);
  }
}

function readPair(option: string, { key, value }: { key: string; value: string }, into: SecurityOptions): void {
  switch (key) {
    case 'label':
      return;
    case 'apparmor':
      into.appArmorProfile = value;
      return;
    case 'seccomp':
      into.seccompProfile = value;
      return;
    case 'no-new-privileges':
      into.noNewPrivileges = truth(option, value);
      return;
    case 'writable-cgroups':
      into.writableCgroups = truth(option, value);
      return;
    default:
      throw invalidArgument(`invalid --security-opt 2: ${JSON.stringify(option)}`);
  }
}

/** strconv.ParseBool of Go. */
function truth(option: string, value: string): boolean {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
  throw invalidArgument(`invalid --security-opt 2: ${JSON.stringify(option)}`);
}
