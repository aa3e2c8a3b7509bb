import { existsSync, readdirSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NativeEngine, startNativeEngine, tracesOf } from '../../support/engine.ts';
import { eventually } from '../../support/eventually.ts';
import { busyboxArchive } from '../../support/images.ts';
import { skipping } from '../../support/skip.ts';

const folders = (process.env.PATH ?? '').split(delimiter);
const hasCriu = (folder: string): boolean => existsSync(join(folder, 'criu'));

const unusable =
  process.platform !== 'linux' || process.getuid?.() !== 0 ? 'an engine needs Linux and root' : undefined;
skipping(unusable);
const withoutCriu = unusable ?? (folders.some(hasCriu) ? undefined : 'checkpoints need CRIU: no "criu" on PATH');
if (!unusable) skipping(withoutCriu);

/** Says how often it was asked, and how it was told to end; everything else is what a restore could lose. */
const program = `
  trap 'n=$((n+1)); echo asked $n' USR1; trap 'echo ending; exit 7' TERM
  echo scratch > /scratch/file; echo shm > /dev/shm/file; echo data > /data/file
  httpd -p 8080 -h /data; n=0; echo ready; while :; do sleep 0.05; done`;

/** Seen from inside: what confines it and what it has. */
const look = `
  grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)' /proc/1/status; cat /proc/1/cgroup /proc/1/limits
  cat /proc/1/oom_score_adj /scratch/file /dev/shm/file /data/file; hostname; ls /proc/1/fd | tr '\\n' ' '; echo
  sed -E 's/^[0-9]+ [0-9]+ [^ ]+ ([^ ]+ [^ ]+ [^ ]+) .*- ([^ ]+) .*/\\1 \\2/' /proc/self/mountinfo | sort
  touch /proc/sys/kernel/x /sys/x /root/x 2>&1; cat /proc/keys; cat /sys/fs/cgroup/memory/memory.limit_in_bytes; ps -o pid,args | sed -n 2,3p`;

describe.skipIf(unusable)('docker checkpoint', { timeout: 120_000 }, () => {
  let engine: NativeEngine;
  const docker = (...args: string[]): Promise<string> => engine.docker(...args).then(text => text.trim());
  const told = async (...args: string[]): Promise<string> => (await engine.tryDocker(args)).stderr.trim();
  const refused = 'Error response from daemon: ';

  describe('where there is no CRIU', () => {
    beforeAll(async () => {
      const path = folders.filter(folder => !hasCriu(folder)).join(delimiter);
      engine = await startNativeEngine({ experimental: true }, { env: { PATH: path } });
      await docker('load', '-q', '-i', await busyboxArchive());
    });
    afterAll(() => engine?.stop());

    it('says so, and what Docker says before', async () => {
      const id = await docker('create', '--name', 'still', 'busybox', 'true');
      await docker('run', '-d', '--name', 'runs', 'busybox', 'sleep', '100');
      expect(await told('checkpoint', 'create', 'still', 'one')).toBe(`${refused}container ${id} is not running`);
      expect(await told('checkpoint', 'create', 'runs', '../x')).toBe(
        `${refused}Invalid checkpoint ID (../x), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
      );
      expect(await told('checkpoint', 'create', 'runs', 'one')).toBe(
        `${refused}checkpoints need CRIU, which is not installed: there is no "criu" on PATH`,
      );
      expect(await docker('checkpoint', 'ls', 'runs')).toBe('CHECKPOINT NAME');
      expect(await told('checkpoint', 'ls', '--checkpoint-dir', '/absent', 'runs')).toBe(
        `${refused}checkpoint  does not exist for container runs`,
      );
      expect(await told('checkpoint', 'rm', 'runs', 'one')).toBe(
        `${refused}checkpoint one does not exist for container runs`,
      );
      expect(await told('start', '--checkpoint', 'one', 'still')).toContain(
        'checkpoint one does not exist for container /still',
      );
      await docker('rm', '-f', 'still', 'runs');
    });
  });

  describe.skipIf(withoutCriu)('with CRIU', () => {
    beforeAll(async () => {
      engine = await startNativeEngine({ experimental: true });
      await docker('load', '-q', '-i', await busyboxArchive());
    });
    afterAll(async () => {
      await engine?.stop();
      expect(await tracesOf(engine)).toEqual([]);
    });
    const lines = async (name: string): Promise<string[]> => (await docker('logs', name)).split('\n');
    const asked = async (name: string, times: number): Promise<void> => {
      await docker('kill', '-s', 'USR1', name);
      await eventually('it answers', async () => (await lines(name)).at(-1) === `asked ${times}`);
    };

    it('a container goes on where it was, confined as it was', async () => {
      const options = [
        '--read-only',
        '-v',
        'kept:/data',
        '--tmpfs',
        '/scratch',
        '--memory',
        '64m',
        '--pids-limit',
        '50',
      ];
      const rights = ['--cap-drop', 'NET_RAW', '--security-opt', 'no-new-privileges', '--ulimit', 'nofile=512'];
      const shown = ['-p', '127.0.0.1::8080', '--hostname', 'kept', '--oom-score-adj', '300'];
      await docker('run', '-d', '--name', 'one', ...options, ...rights, ...shown, 'busybox', 'sh', '-c', program);
      await eventually('it is there', async () => (await lines('one')).includes('ready'));
      await asked('one', 1);
      const before = await docker('exec', 'one', 'sh', '-c', look);
      expect(await docker('checkpoint', 'create', '--leave-running', 'one', 'early')).toBe('early');
      await asked('one', 2);
      await docker('checkpoint', 'create', 'one', 'late');
      expect(await docker('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'one')).toBe('exited 137');
      expect(await docker('checkpoint', 'ls', 'one')).toBe('CHECKPOINT NAME\nearly\nlate');

      await docker('start', '--checkpoint', 'late', 'one');
      expect(await docker('exec', 'one', 'sh', '-c', look)).toBe(before);
      await asked('one', 3);
      const port = (await docker('port', 'one', '8080')).split(':').at(-1);
      expect(await (await fetch(`http://127.0.0.1:${port}/file`)).text()).toBe('data\n');
      await engine.kill();
      await engine.restart();
      await asked('one', 4);
      await docker('stop', 'one');
      expect(await docker('wait', 'one')).toBe('7');

      await docker('start', '--checkpoint', 'early', 'one');
      await asked('one', 2);
      expect(await lines('one')).toEqual('ready,asked 1,asked 2,asked 3,asked 4,ending,asked 2'.split(','));
      await docker('checkpoint', 'rm', 'one', 'early');
      expect(await docker('checkpoint', 'ls', 'one')).toBe('CHECKPOINT NAME\nlate');
      await docker('rm', '-fv', 'one');
    });

    it('standard input is there again, and a folder of choice takes the checkpoint', async () => {
      const folder = join(engine.root, 'elsewhere');
      await docker('run', '-di', '--name', 'cat', 'busybox', 'cat');
      await docker('checkpoint', 'create', '--checkpoint-dir', folder, 'cat', 'one');
      await docker('start', '--checkpoint-dir', folder, '--checkpoint', 'one', 'cat');
      const attached = engine.tryDocker(['attach', 'cat'], { input: 'said\n' });
      await eventually('it is said again', async () => (await docker('logs', 'cat')) === 'said');
      await docker('kill', 'cat');
      await attached;
      await docker('rm', 'cat');
    });

    it('what cannot be written down or gone on with says why, and harms nothing', async () => {
      await docker('run', '-dt', '--name', 'terminal', 'busybox', 'cat');
      expect(await told('checkpoint', 'create', 'terminal', 'one')).toBe(
        `${refused}Cannot checkpoint container terminal: it has a terminal, which a checkpoint cannot hold`,
      );
      const talk = 'sleep 100 | nc -l -p 9 & sleep 0.2; sleep 100 | nc 127.0.0.1 9';
      await docker('run', '-d', '--name', 'connected', 'busybox', 'sh', '-c', talk);
      await eventually('it is connected', async () =>
        / 01 /.test(await docker('exec', 'connected', 'cat', '/proc/net/tcp')),
      );
      expect(await told('checkpoint', 'create', 'connected', 'one')).toMatch(/criu failed: inet: Connected TCP socket/);
      expect(await docker('inspect', '-f', '{{.State.Status}}', 'connected', 'terminal')).toBe('running\nrunning');

      const id = await docker('run', '-d', '--name', 'broken', 'busybox', 'sleep', '1000');
      await docker('checkpoint', 'create', 'broken', 'one');
      const images = join(engine.root, 'containers', id, 'checkpoints/one');
      for (const name of readdirSync(images)) if (name.startsWith('core-')) rmSync(join(images, name));
      expect(await told('start', '--checkpoint', 'one', 'broken')).toMatch(/OCI runtime restore failed: criu failed: /);
      await docker('start', 'broken');
      expect(await docker('exec', 'broken', 'echo', 'well')).toBe('well');
      await docker('rm', '-f', 'terminal', 'connected', 'broken');
    });
  });
});
