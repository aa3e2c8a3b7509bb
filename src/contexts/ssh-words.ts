import type { SshAddress } from './address.ts';

/**
 * The words of `ssh` that bring a connection to the engine on that host: what the docker command itself runs for `ssh://`, a
 * `docker system dial-stdio` there. With `shared`, the path of a socket, sessions share one connection (ControlMaster of
 * ssh_config(5)), which ends a minute after the last of them; without its master a session makes it, or has its own.
 */
export function sshWords({ user, host, port, path }: SshAddress, shared: string | undefined): string[] {
  const options = [
    'ConnectTimeout=30',
    'LogLevel=ERROR', // what it says on its way is no reason for a failure
    ...(shared === undefined ? [] : sharing(shared)),
  ];
  return [
    '-T',
    ...options.flatMap(option => ['-o', option]),
    ...(user ? ['-l', user] : []),
    ...(port ? ['-p', port] : []),
    ...['--', host, 'docker', ...(path ? [quoted(`--host=unix://${path}`)] : []), 'system', 'dial-stdio'],
  ];
}

/** A host that went away without a word is noticed after 45 seconds: all that share the connection would wait for it. */
const sharing = (path: string): string[] => [
  'ControlMaster=auto',
  `ControlPath="${path.replaceAll('%', '%%')}"`,
  ...['ControlPersist=60', 'ServerAliveInterval=15', 'ServerAliveCountMax=3'],
];

/** One word for the shell over there. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
