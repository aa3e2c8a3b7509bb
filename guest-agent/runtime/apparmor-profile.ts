/** The name that Docker's clients know: `--security-opt apparmor=docker-default`, and inspect's `AppArmorProfile`. */
export const defaultAppArmorProfile = 'docker-default';

/**
 * A pattern for each way in which the name of a file can differ from `name`, for AppArmor has no "all but": at a letter,
 * by ending early, or by going on. `alsoNot`: further letters that it does not begin with. apparmor.d(5), GLOBBING
 */
export function otherNames(name: string, alsoNot = ''): string[] {
  const early = Array.from(name, (_letter, end) => name.slice(0, end));
  const differing = early.map((start, at) => `${start}[^${name[at]}${start === '' ? alsoNot : ''}/]*`);
  return [...differing, ...early.slice(1), longerNames(name)];
}

const longerNames = (name: string): string => `${name}[^/]*`;

/** Like {@link otherNames}, but names that begin with `start` are not meant. */
const namesWithout = (start: string): string[] => otherNames(start).filter(name => name !== longerNames(start));

const within = (folder: string, names: string[], access: string): string =>
  names.map(name => `  deny ${folder}/${name}{,/**} ${access},`).join('\n');

/** Families of sockets: of old kernels; the kernel's cryptography, whose faults cross containers; the way to the host. */
const families = 'ax25 ipx appletalk netrom rose econet atmsvc irda wanpipe alg vsock';

/**
 * What AppArmor adds to capabilities and seccomp: the rules of Docker's default profile
 * (https://docs.docker.com/engine/security/apparmor/) in our own words. Everything is allowed but to mount, to write
 * where proc and sys are the whole machine's, to open sockets to the host, and to meddle with processes outside.
 * A rule on sockets counts for socketcall(2) as well, whose arguments no seccomp filter sees.
 */
export const appArmorProfileText = `
profile ${defaultAppArmorProfile} flags=(attach_disconnected,mediate_deleted) {
  capability,
  file,
  umount,
  deny mount,

  network,
${families
  .split(' ')
  .map(family => `  deny network ${family},`)
  .join('\n')}

  # the engine and what it starts; its own kind
  signal (receive) peer=unconfined,
  signal (send,receive) peer=${defaultAppArmorProfile},
  ptrace (trace,tracedby,read,readby) peer=${defaultAppArmorProfile},

  # proc: only the folders of processes, and of sysctls only a few
  deny /proc/* w,
${within('/proc', otherNames('sys', '1-9'), 'w')}
${within('/proc/sys', otherNames('kernel'), 'w')}
${within('/proc/sys/kernel', namesWithout('shm'), 'w')}
  deny /proc/sysrq-trigger rwklx,
  deny /proc/kcore rwklx,

  # sys: only cgroups
${within('/sys', otherNames('fs'), 'wklx')}
${within('/sys/fs', otherNames('cgroup'), 'wklx')}
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
}
`;
