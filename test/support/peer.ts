import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { succeed } from './command.ts';
import { eventually } from './eventually.ts';

/**
 * Docker's own engine, to be measured and recorded beside ours: dockerd and containerd of Debian's unstable suite, which
 * run on the stable one when they are merely unpacked, with the stable suite's runc (unstable's wants a newer libc).
 */
export interface Peer {
  /** Path of its API socket. */
  socket: string;
  /** Its processes: dockerd and containerd. */
  pids: number[];
  /** The words that put a command into its network namespace: a registry for it, say. */
  enter: string[];
  /** The name of that namespace. */
  namespace: string;
  stop(): Promise<void>;
}

const cache = join(process.env.BERTH_TEST_CACHE ?? join(homedir(), '.cache/berth-test'), 'peer');
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
const mirror = process.env.BERTH_DEBIAN_MIRROR ?? 'http://deb.debian.org/debian';

/** Unpacks packages of a suite, of this machine's or another architecture, into the new folder `target`, whole or not at all. */
export async function fetchPackages(
  suite: string,
  packages: string[],
  target: string,
  architecture?: 'amd64' | 'arm64',
): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'berth-packages-'));
  try {
    await download(suite, packages, work, architecture);
    await mkdir(dirname(target), { recursive: true });
    await rename(join(work, 'root'), target).catch(() => succeed('cp', ['-a', join(work, 'root'), target]));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Downloads packages of a suite, with lists of its own, so that the system's are left alone. */
async function download(suite: string, packages: string[], work: string, architecture?: string): Promise<void> {
  const state = join(work, suite);
  for (const folder of ['lists/partial', 'archives/partial', 'debs'])
    await mkdir(join(state, folder), { recursive: true });
  await writeFile(join(state, 'sources.list'), `deb [signed-by=${keyring}] ${mirror} ${suite} main\n`);
  await writeFile(join(state, 'status'), '');
  const options = {
    'Dir::Etc::sourcelist': join(state, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
    'Dir::State::lists': join(state, 'lists'),
    'Dir::State::status': join(state, 'status'),
    'Dir::Cache': state,
    'APT::Sandbox::User': 'root',
    ...(architecture ? { 'APT::Architecture': architecture, 'APT::Architectures': architecture } : {}),
  };
  const flags = Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  await succeed('apt-get', [...flags, 'update'], { timeoutMs: 300_000 });
  await succeed('apt-get', [...flags, 'download', ...packages], { cwd: join(state, 'debs'), timeoutMs: 300_000 });
  for (const deb of await readdir(join(state, 'debs'))) {
    await succeed('dpkg-deb', ['-x', join(state, 'debs', deb), join(work, 'root')], { timeoutMs: 120_000 });
  }
}

/** The peer's packages by their suites: today's dockerd, and the one of Debian 12 (20.10). */
const packages = {
  today: {
    sid: ['docker.io', 'containerd', 'docker-cli', 'docker-compose', 'docker-buildx'],
    bookworm: ['runc', 'tini'],
  },
  old: { bookworm: ['docker.io', 'containerd', 'runc', 'tini'] },
};
const folders = { today: 'root', old: 'old' };

/** The folder that holds the peer's programs, unpacked. */
export async function fetchPeer(which: keyof typeof packages = 'today'): Promise<string> {
  const root = join(cache, folders[which]);
  if (existsSync(root)) return root;
  const work = await mkdtemp(join(tmpdir(), 'berth-peer-'));
  for (const [suite, names] of Object.entries(packages[which])) await download(suite, names, work);
  await mkdir(cache, { recursive: true });
  await rename(join(work, 'root'), root).catch(() => succeed('cp', ['-a', join(work, 'root'), root]));
  await rm(work, { recursive: true, force: true });
  return root;
}

/**
 * Starts the peer with everything of its own: root, cgroup parent, socket, and namespaces for its links, rules and
 * mounts, so that nothing of it is left on the host.
 */
export async function startPeer(
  options: {
    insecureRegistries?: string[];
    userlandProxy?: boolean;
    which?: keyof typeof packages;
    /** More words of its command line. */
    words?: readonly string[];
  } = {},
): Promise<Peer> {
  const root = await fetchPeer(options.which);
  const work = await mkdtemp(join(tmpdir(), 'berth-peer-run-'));
  const socket = join(work, 'docker.sock');
  const namespace = `berthpeer${process.pid}${options.which ?? ''}`;
  await succeed('ip', ['netns', 'add', namespace]);
  await succeed('ip', ['-n', namespace, 'link', 'set', 'lo', 'up']);
  const enter = [`--net=/run/netns/${namespace}`];
  const flags = {
    '--data-root': join(work, 'data'),
    '--exec-root': join(work, 'exec'),
    '--pidfile': join(work, 'docker.pid'),
    '--host': `unix://${socket}`,
    '--bip': '172.31.253.1/24',
    '--cgroup-parent': `/${namespace}`,
    '--log-level': 'error',
  };
  const registries = (options.insecureRegistries ?? []).flatMap(registry => ['--insecure-registry', registry]);
  const isolated = [...enter, 'unshare', '--mount', '--propagation', 'private'];
  const proxy = options.userlandProxy === false ? ['--userland-proxy=false'] : [];
  const program = [
    join(root, 'usr/sbin/dockerd'),
    ...Object.entries(flags).flat(),
    ...registries,
    ...proxy,
    ...(options.words ?? []),
  ];
  const server = spawn('nsenter', [...isolated, ...program], {
    env: { ...process.env, PATH: [join(root, 'usr/sbin'), join(root, 'usr/bin'), process.env.PATH].join(delimiter) },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const ended = new Promise(resolve => server.once('exit', resolve));
  await eventually('dockerd answers', () => succeed('docker', ['-H', `unix://${socket}`, 'version']), 60_000);
  const containerd = await succeed('pgrep', ['-P', String(server.pid), 'containerd']);
  return {
    socket,
    pids: [server.pid ?? 0, Number(containerd.trim().split('\n')[0])],
    enter: ['nsenter', ...enter],
    namespace,
    stop: async () => {
      server.kill('SIGTERM');
      await ended;
      await succeed('ip', ['netns', 'del', namespace]);
      await succeed('sh', ['-c', `find /sys/fs/cgroup -depth -type d -path '*/${namespace}*' -exec rmdir {} +`]);
      await rm(work, { recursive: true, force: true });
    },
  };
}
