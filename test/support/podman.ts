import { spawn } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command, succeed } from './command.ts';
import { eventually } from './eventually.ts';

/** Debian's podman with a store of its own, behind Docker's API. */
export interface Podman {
  socket: string;
  stop(): Promise<void>;
}

/** Undefined where podman is not installed. It may speak plain HTTP with loopback registries only. */
export async function startPodman(): Promise<Podman | undefined> {
  if ((await command('podman', ['--version'])).code !== 0) return undefined;
  const work = await mkdtemp(join(tmpdir(), 'berth-podman-'));
  const socket = join(work, 'podman.sock');
  const registries = join(work, 'registries.conf');
  await writeFile(
    registries,
    'unqualified-search-registries = []\n[[registry]]\nlocation = "localhost"\ninsecure = true\n',
  );
  const places = ['--root', join(work, 'root'), '--runroot', join(work, 'run'), '--tmpdir', join(work, 'tmp')];
  const server = spawn('podman', [...places, 'system', 'service', '--time=0', `unix://${socket}`], {
    stdio: 'ignore',
    env: { ...process.env, CONTAINERS_REGISTRIES_CONF: registries },
  });
  const ended = new Promise(resolve => server.once('exit', resolve));
  await eventually('podman answers', () => succeed('docker', ['-H', `unix://${socket}`, 'version']));
  return {
    socket,
    stop: async () => {
      server.kill('SIGTERM');
      await ended;
      await succeed('sh', ['-c', `umount -l ${work}/root/overlay 2>/dev/null; rm -rf ${work}`]);
    },
  };
}
