import type { NamespaceType, RuntimeSpec } from '../../contracts/oci/runtime-spec.ts';

/** RLIMIT_* in the order of their numbers. getrlimit(2) */
export const limitNames: readonly string[] = [
  'RLIMIT_CPU',
  'RLIMIT_FSIZE',
  'RLIMIT_DATA',
  'RLIMIT_STACK',
  'RLIMIT_CORE',
  'RLIMIT_RSS',
  'RLIMIT_NPROC',
  'RLIMIT_NOFILE',
  'RLIMIT_MEMLOCK',
  'RLIMIT_AS',
  'RLIMIT_LOCKS',
  'RLIMIT_SIGPENDING',
  'RLIMIT_MSGQUEUE',
  'RLIMIT_NICE',
  'RLIMIT_RTPRIO',
  'RLIMIT_RTTIME',
];

/** Each IPC namespace has its own. */
const ipcSysctls = new Set(
  ['msgmax', 'msgmnb', 'msgmni', 'sem', 'shmall', 'shmmax', 'shmmni', 'shm_rmid_forced'].map(name => `kernel.${name}`),
);

/**
 * Why a specification cannot be carried out, in runc's words (libcontainer/configs/validate), or undefined. What the
 * kernel keeps once for the whole machine is not the container's to set.
 */
export function refusedSpec(spec: RuntimeSpec): string | undefined {
  const own = new Set(spec.linux.namespaces.map(({ type }) => type));
  for (const key of Object.keys(spec.linux.sysctl ?? {})) {
    const refused = refusedSysctl(key.replaceAll('/', '.'), own);
    if (refused) return `sysctl ${JSON.stringify(key.replaceAll('/', '.'))} ${refused}`;
  }
  const unknown = spec.process?.rlimits?.find(({ type }) => !limitNames.includes(type));
  return unknown && `wrong rlimit value: ${unknown.type}`;
}

function refusedSysctl(name: string, own: ReadonlySet<NamespaceType>): string | undefined {
  if (ipcSysctls.has(name) || name.startsWith('fs.mqueue.')) {
    return own.has('ipc') ? undefined : 'is not allowed in the hosts ipc namespace';
  }
  if (name.startsWith('net.')) return own.has('network') ? undefined : 'not allowed in host network namespace';
  if (own.has('uts') && name === 'kernel.domainname') return undefined;
  if (own.has('uts') && name === 'kernel.hostname')
    return 'is not allowed as it conflicts with the OCI "hostname" field';
  return 'is not in a separate kernel namespace';
}
