import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, command, succeed } from '../support/command.ts';
import { dockerOn } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { busyboxArchive } from '../support/images.ts';
import { machineImages } from '../support/machine.ts';

const runs = process.platform === 'linux' && process.getuid?.() === 0;
if (!runs) console.log('skipped: the machine tests need Linux and root');

const home = mkdtempSync(join(tmpdir(), 'berth-faults-'));
const program = join(import.meta.dirname, '../../bin/berth');
const env = { BERTH_HOME: home };
const { docker, tryDocker } = dockerOn(join(home, 'docker.sock'));
const berth = (...args: string[]): Promise<CommandResult> => command(program, args, { env, timeoutMs: 240_000 });

interface Status {
  state: { status: string; phase?: string; adopted?: boolean };
  orphaned: boolean;
  hostPid: number | null;
  machinePid: number | null;
}
const status = async (): Promise<Status> => JSON.parse((await berth('status', '--json')).stdout) as Status;

/** Processes of QEMU that have this home's disk. */
const machines = async (): Promise<string[]> =>
  (await command('pgrep', ['-f', `qemu-system.*${home}`])).stdout.split('\n').filter(Boolean);

async function takeOver(): Promise<Status> {
  const up = await berth('up', '--detach', '--no-hello');
  expect(up.code, up.stderr).toBe(0);
  return status();
}

describe.runIf(runs)('a machine that is killed', { timeout: 300_000 }, () => {
  beforeAll(async () => {
    await symlink(await machineImages(), join(home, 'images'));
  }, 900_000);

  afterAll(async () => {
    await berth('down');
    expect(await machines()).toEqual([]);
    await rm(home, { recursive: true, force: true });
  }, 120_000);

  it('is booted once by two that start it at once; the host program may die in the middle', async () => {
    const hosts = [0, 1].map(() =>
      spawn(program, ['up', '--no-hello'], { env: { ...process.env, ...env }, stdio: 'ignore' }),
    );
    const exits = hosts.map(host => new Promise<number | null>(resolve => host.once('exit', resolve)));
    const booting = await eventually(
      'the guest boots',
      async () => {
        const now = await status();
        return ['kernel', 'root'].includes(now.state.phase ?? '') ? now : undefined;
      },
      60_000,
    );
    expect(await machines()).toEqual([String(booting.machinePid)]);
    const other = hosts.findIndex(host => host.pid !== booting.hostPid);
    await exits[other]; // it says that there is one, and leaves it alone
    process.kill(booting.hostPid ?? 0, 'SIGKILL');
    await Promise.all(exits);
    expect(await status()).toMatchObject({ orphaned: true, machinePid: booting.machinePid, hostPid: null });
    expect((await berth('status')).stdout).toContain('without a host program');

    const after = await takeOver();
    expect(after).toMatchObject({
      orphaned: false,
      machinePid: booting.machinePid,
      state: { status: 'running', adopted: true },
    });
    expect(await machines()).toHaveLength(1);
  });

  it('has its containers go on when their keeper dies', async () => {
    await docker('load', '--quiet', '--input', await busyboxArchive());
    await docker(
      'run',
      '-d',
      '--name',
      'going',
      'busybox',
      'sh',
      '-c',
      'while [ ! -e /stop ]; do usleep 100000; done; exit 7',
    );
    const pid = await docker('inspect', '-f', '{{.State.Pid}}', 'going');
    await berth('shell', "kill -9 $(pgrep -o -f '^berth-keeper')");
    await eventually(
      'another keeper',
      async () => (await tryDocker(['run', '--rm', 'busybox', 'true'])).code === 0,
      60_000,
    );
    expect(await docker('inspect', '-f', '{{.State.Pid}}', 'going')).toBe(pid);
    await tryDocker(['exec', 'going', 'touch', '/stop']); // it may take the command down with it
    // Linux 6.12 does not tell how a stranger's child ended: then the cause is told instead.
    expect(['7\n', '255\n']).toContain(await docker('wait', 'going'));
    if ((await docker('inspect', '-f', '{{.State.ExitCode}}', 'going')) === '255\n')
      expect(await docker('inspect', '-f', '{{.State.Error}}', 'going')).toContain('keeper');
  });

  it('has all that it acknowledged when it is booted again', async () => {
    await docker(
      'run',
      '--name',
      'ended',
      '-v',
      'data:/data',
      'busybox',
      'sh',
      '-c',
      'echo kept >/data/file; sync; exit 9',
    ).catch(() => '');
    await docker('run', '-d', '--name', 'always', '--restart', 'always', 'busybox', 'sleep', '100000');
    const { machinePid, hostPid } = await status();
    const created: string[] = [];
    const creating = (async () => {
      for (let number = 0; ; number++) {
        const name = `c${number}`;
        const [container, volume] = await Promise.all([
          tryDocker(['create', '--name', name, 'busybox', 'true']),
          tryDocker(['volume', 'create', name]),
        ]);
        if (container.code === 0) created.push(`container ${name}`);
        if (volume.code === 0) created.push(`volume ${name}`);
        if (container.code !== 0 || volume.code !== 0) return;
      }
    })();
    await eventually('some are there', () => created.length >= 10, 60_000);
    process.kill(machinePid ?? 0, 'SIGKILL');
    await creating;
    await eventually('the host program has noticed', async () => (await status()).hostPid !== hostPid);
    expect(await status()).toMatchObject({ state: { status: 'stopped' }, orphaned: false, machinePid: null });
    expect((await tryDocker(['ps'])).code).toBe(1);

    const after = await takeOver();
    expect(after.state).toMatchObject({ status: 'running', adopted: false });
    const found = [
      ...(await docker('ps', '-a', '--format', 'container {{.Names}}')).split('\n'),
      ...(await docker('volume', 'ls', '--format', 'volume {{.Name}}')).split('\n'),
    ];
    expect(found).toEqual(expect.arrayContaining(created));
    expect(await docker('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'ended')).toBe('exited 9\n');
    expect(await docker('run', '--rm', '-v', 'data:/data', 'busybox', 'cat', '/data/file')).toBe('kept\n');
    await eventually(
      'it is up again',
      async () => (await docker('ps', '--format', '{{.Names}}')).includes('always'),
      30_000,
    );
    await docker('start', '-a', 'c0');
  });

  it('ends in order by `berth down` when its host program is gone', async () => {
    const { hostPid, machinePid } = await status();
    process.kill(hostPid ?? 0, 'SIGKILL');
    await eventually('it is an orphan', async () => (await status()).orphaned);
    const down = await berth('down');
    expect(down.code, down.stderr).toBe(0);
    expect(down.stderr).toContain('host program was gone');
    expect(await machines()).toEqual([]);
    expect(await succeed('tail', ['-c', '400', join(home, 'machine/console.log')])).toContain('Power down');
    expect(await status()).toMatchObject({ state: { status: 'stopped' }, orphaned: false, machinePid: null });
    expect(machinePid).not.toBeNull();
  });
});
