import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, command, succeed } from '../support/command.ts';
import { engineForTests } from '../support/engine-for-tests.ts';
import { eventually } from '../support/eventually.ts';
import { busyboxArchive } from '../support/images.ts';
import { fetchPeer } from '../support/peer.ts';
import { buildxConfig } from './builds/play-build.ts';

const timeout = 120_000;
/** All secrets have it in them; no file is named so. */
const secret = 'not-to-be-seen-4713';

describe('secrets of a build', { timeout }, () => {
  const engine = engineForTests();
  let folder: string;
  let context: string;
  let config: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-secrets-'));
    context = await mkdtemp(join(tmpdir(), 'berth-build-'));
    config = await buildxConfig(join(await fetchPeer(), 'usr/libexec/docker/cli-plugins'));
    await engine().docker('load', '-q', '-i', await busyboxArchive());
    await writeFile(join(folder, 'token'), `${secret} in a file`);
  }, timeout);

  afterAll(async () => {
    for (const each of [folder, context, config]) await rm(each, { recursive: true, force: true });
  });

  /** A build of one step that has them as a file, as a variable, and behind an agent. */
  const build = async (script: string): Promise<CommandResult> => {
    const mounts = [
      '--mount=type=secret,id=token,required',
      '--mount=type=secret,id=word,env=WORD,required',
      '--mount=type=ssh,required',
    ];
    await writeFile(join(context, 'Dockerfile'), `FROM busybox\nRUN ${mounts.join(' ')} ${script}\n`);
    const given = ['--secret', `id=token,src=${join(folder, 'token')}`, '--secret', 'id=word,env=WORD'];
    const agent = ['--ssh', 'default'];
    return engine().tryDocker(['build', '--progress=plain', '-t', 'secretive', ...given, ...agent, context], {
      env: { DOCKER_CONFIG: config, WORD: `${secret} in a variable`, SSH_AUTH_SOCK: join(folder, 'agent') },
    });
  };
  /** Files of these folders in which the secret is. */
  const found = async (...folders: string[]): Promise<string[]> => {
    const { stdout } = await command('grep', ['-rlaF', secret, ...folders]);
    return stdout.split('\n').filter(Boolean);
  };
  const agentPid = async (): Promise<number> =>
    Number((await succeed('pgrep', ['-P', String(engine().pid())])).trim().split('\n')[0]);
  const told = async (): Promise<string> => {
    const docker = async (...args: string[]): Promise<string> => {
      const { stdout, stderr } = await engine().tryDocker(args, { env: { DOCKER_CONFIG: config } });
      return stdout + stderr;
    };
    const asked = [
      docker('history', '--no-trunc', 'secretive'),
      docker('image', 'inspect', 'secretive'),
      docker('buildx', 'history', 'logs'),
      docker('buildx', 'history', 'inspect'),
      docker('buildx', 'du', '--verbose'),
      docker('events', '--since', '1h', '--until', '0s'),
      engine().log(),
    ];
    return (await Promise.all(asked)).join('\n');
  };

  it('are nowhere on the disk and in no answer: not while the step runs, not after it, not when the engine dies in it', async () => {
    const agent = createServer(socket => socket.on('data', () => socket.write(`\0\0\0\x14${secret}`)));
    await new Promise<void>(resolve => agent.listen(join(folder, 'agent'), resolve));
    const use = 'test "$(cat /run/secrets/token)" && test "$WORD" && test -S "$SSH_AUTH_SOCK"';

    const whole = await build(`${use} && echo built`);
    expect(whole.code, whole.stderr).toBe(0);
    expect(await found(engine().root, engine().execRoot)).toEqual([]);
    expect(whole.stderr + (await told())).not.toContain(secret);

    const cut = build(`${use} && sleep 1000`);
    const id = await eventually('the step runs', async () => (await engine().docker('ps', '-q')).trim());
    expect(await engine().docker('inspect', id)).not.toContain(secret);
    expect(await engine().docker('exec', id, 'env')).not.toContain(secret);
    expect(await found(engine().root)).toEqual([]); // what is in memory is a file below the other folder
    await engine().kill();
    expect((await cut).code).not.toBe(0);
    expect(await found(engine().root)).toEqual([]);
    await engine().restart();
    expect((await build(use)).code).toBe(0);
    expect(await found(engine().root, engine().execRoot)).toEqual([]);
    expect(await told()).not.toContain(secret);
    agent.close();
  });

  it('are in no picture of its memory that a crash leaves', async test => {
    const pattern = readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim();
    if (!/^[\w.%]+$/.test(pattern)) {
      console.log(`skipped: pictures of crashes go elsewhere here: ${pattern}`);
      return test.skip();
    }
    const pid = await agentPid();
    await succeed('prlimit', ['--pid', String(pid), '--core=unlimited:unlimited']);
    const place = await succeed('readlink', [`/proc/${pid}/cwd`]);
    const before = await readdir(place.trim());
    process.kill(pid, 'SIGSEGV');
    await eventually('the engine has ended', async () => (await command('kill', ['-0', String(pid)])).code !== 0);
    expect(await readdir(place.trim())).toEqual(before);
    await engine().restart();
  });
});
