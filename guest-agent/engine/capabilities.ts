import { invalidArgument } from '../../contracts/errors.ts';

/** Every capability that Linux 6 knows, in the kernel's order (linux/capability.h). */
export const allCapabilities: readonly string[] = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE ' +
  'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN ' +
  'SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE ' +
  'MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
)
  .split(' ')
  .map(name => `CAP_${name}`);

/** Docker's fourteen. */
export const defaultCapabilities: readonly string[] =
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE'
    .split(' ')
    .map(name => `CAP_${name}`);

/** `net_admin`, `NET_ADMIN` or `CAP_NET_ADMIN` as `CAP_NET_ADMIN`; `ALL` stays. @throws invalid-argument in Docker's words */
export function normalizeCapability(text: string, field: 'CapAdd' | 'CapDrop'): string {
  const upper = text.toUpperCase();
  if (upper === 'ALL') return upper;
  const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (!allCapabilities.includes(name)) throw invalidArgument(`invalid ${field}: unknown capability: "${name}"`);
  return name;
}

/** What a container may: the defaults, changed by `--cap-add`, `--cap-drop` and `--privileged`. */
export function chosenCapabilities(request: {
  add: readonly string[];
  drop: readonly string[];
  privileged: boolean;
}): string[] {
  if (request.privileged) return [...allCapabilities];
  const add = request.add.map(text => normalizeCapability(text, 'CapAdd'));
  const drop = request.drop.map(text => normalizeCapability(text, 'CapDrop'));
  const base = add.includes('ALL') ? allCapabilities : drop.includes('ALL') ? [] : defaultCapabilities;
  const kept = base.filter(name => !drop.includes(name));
  const added = add.filter(name => name !== 'ALL' && !kept.includes(name));
  return [...kept, ...new Set(added)];
}
