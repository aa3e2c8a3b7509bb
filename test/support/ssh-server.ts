import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { succeed } from './command.ts';
import { eventually } from './eventually.ts';
import { fetchPackages } from './peer.ts';
import { freePort } from './registry.ts';

/** OpenSSH's server with keys and configuration of its own, on loopback: what somebody's other computer answers with. */
export interface SshServer {
  /** `ssh://…`, as a docker context has it. */
  address: string;
  /** Ends it and every session. */
  stop(): Promise<void>;
  /** Starts it again, with the same keys. */
  start(): Promise<void>;
}

const cache = join(process.env.BERTH_TEST_CACHE ?? join(homedir(), '.cache/berth-test'), 'openssh');
/** The server, and the libraries of it that a small system lacks. */
const packages = ['openssh-server', 'libwrap0'];
const kerberos = ['libgssapi-krb5-2', 'libkrb5-3', 'libk5crypto3', 'libkrb5support0', 'libcom-err2', 'libkeyutils1'];

/** The installed server, else Debian's, unpacked: a package that is installed would start a service. */
async function findServer(): Promise<{ program: string; libraries: string }> {
  if (existsSync('/usr/sbin/sshd')) return { program: '/usr/sbin/sshd', libraries: '' };
  const root = join(cache, 'root');
  if (!existsSync(root)) await fetchPackages('bookworm', [...packages, ...kerberos], root);
  const libraries = (await succeed('find', [root, '-name', '*.so.*', '-printf', '%h\n'])).split('\n');
  return { program: join(root, 'usr/sbin/sshd'), libraries: [...new Set(libraries)].filter(Boolean).join(':') };
}

/**
 * Starts it for root, in `folder`, which gets an `ssh` in `bin/` that has the keys. `env` is what programs on the other side
 * see. Its users and its folder in /run are seen by it alone: what root's own shell does when it starts may take seconds.
 */
export async function startSshServer(folder: string, env: Readonly<Record<string, string>>): Promise<SshServer> {
  const [{ program, libraries }, port] = await Promise.all([findServer(), freePort()]);
  await writeKeys(folder, port);
  await writeFile(join(folder, 'sshd_config'), configuration(folder, port, env));
  const users = await readFile('/etc/passwd', 'utf8');
  const root = `root:x:0:0::${folder}:/bin/sh`;
  const others = users.split('\n').filter(line => line && !line.startsWith('root:'));
  const all = [root, ...others, 'sshd:x:64123:65534::/run/sshd:/usr/sbin/nologin', ''];
  await writeFile(join(folder, 'passwd'), all.join('\n'));
  const own = `mount --bind ${folder}/passwd /etc/passwd && mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd`;
  let server: ChildProcess;
  const start = async (): Promise<void> => {
    const words = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', 'sh', '-c'];
    server = spawn('unshare', [...words, `${own} && exec ${program} -D -e -f ${folder}/sshd_config`], {
      env: { ...process.env, ...(libraries && { LD_LIBRARY_PATH: libraries }) },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    await eventually('sshd listens', () => answers(port), 30_000);
  };
  await start();
  return {
    address: `ssh://root@127.0.0.1:${port}`,
    start,
    stop: async () => {
      if (server.exitCode !== null || server.signalCode !== null) return;
      const ended = new Promise(resolve => server.once('exit', resolve));
      server.kill('SIGKILL'); // the first of its pid namespace goes, and all its sessions with it
      await ended;
    },
  };
}

const configuration = (folder: string, port: number, env: Readonly<Record<string, string>>): string =>
  [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${folder}/ssh_host`,
    `AuthorizedKeysFile ${folder}/ssh_user.pub`,
    'PidFile none',
    'UsePAM no',
    'StrictModes no',
    'PasswordAuthentication no',
    'PermitRootLogin yes',
    'LogLevel FATAL',
    `SetEnv ${Object.entries(env)
      .map(([name, value]) => `"${name}=${value}"`)
      .join(' ')}`,
    '',
  ].join('\n');

/** Keys of both sides, and an `ssh` that knows them: the real one asks the user's own folder, whatever HOME says. */
async function writeKeys(folder: string, port: number): Promise<void> {
  for (const name of ['ssh_host', 'ssh_user'])
    await succeed('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)]);
  const host = (await readFile(join(folder, 'ssh_host.pub'), 'utf8')).split(' ').slice(0, 2).join(' ');
  await writeFile(join(folder, 'known_hosts'), `[127.0.0.1]:${port} ${host}\n`);
  const config = ['IdentitiesOnly yes', `IdentityFile ${folder}/ssh_user`, `UserKnownHostsFile ${folder}/known_hosts`];
  await writeFile(join(folder, 'ssh_config'), `${[...config, 'BatchMode yes'].join('\n')}\n`);
  await mkdir(join(folder, 'bin'), { recursive: true });
  const script = join(folder, 'bin', 'ssh');
  await writeFile(script, `#!/bin/sh\nexec /usr/bin/ssh -F ${folder}/ssh_config "$@"\n`);
  await chmod(script, 0o755);
}

const answers = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
