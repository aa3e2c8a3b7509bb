import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { succeed } from '../support/command.ts';
import { type NativeEngine, startNativeEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { busyboxArchive } from '../support/images.ts';

/** Every program that the processes under `pids` start while `work` goes on: strace on all of their threads. */
async function programsStarted(pids: number[], work: () => Promise<void>): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-strace-'));
  const output = join(folder, 'trace');
  const targets = pids.flatMap(pid => ['-p', String(pid)]);
  const args = ['-f', '-e', 'trace=execve,execveat', '-e', 'signal=none', '-s', '200', '-o', output, ...targets];
  const tracer = spawn('strace', args, { stdio: 'ignore' });
  try {
    await eventually('every thread is traced', () => Promise.all(pids.map(allTraced)).then(all => all.every(Boolean)));
    await work();
  } finally {
    const ended = once(tracer, 'exit');
    tracer.kill('SIGINT');
    await ended;
  }
  const lines = (await readFile(output, 'utf8')).split('\n');
  await rm(folder, { recursive: true });
  return lines.flatMap(line => /\b(?:execve|execveat)\((.*?\])/.exec(line)?.[1] ?? []);
}

async function allTraced(pid: number): Promise<boolean> {
  const status = await succeed('sh', ['-c', `cat /proc/${pid}/task/*/status`]);
  return status.match(/^TracerPid:\t0$/m) === null;
}

describe('no program but the containers’ own', () => {
  let engine: NativeEngine;
  beforeAll(async () => {
    engine = await startNativeEngine();
    await engine.docker('load', '--quiet', '--input', await busyboxArchive());
  });
  afterAll(() => engine.stop());

  /** The agent and the keeper: whoever has the engine's exec root among its arguments. */
  const engineProcesses = async (): Promise<number[]> =>
    (await succeed('pgrep', ['-f', `(--exec-root|keeper\\.cjs|berth-keeper.*) ?${engine.execRoot}( |$)`]))
      .trim()
      .split('\n')
      .map(Number);

  it('is started by run, exec, published ports, cp and stop', { timeout: 120_000 }, async () => {
    const pids = await engineProcesses();
    expect(pids.length).toBeGreaterThanOrEqual(2);
    const started = await programsStarted(pids, async () => {
      await engine.docker('run', '--rm', 'busybox', 'echo', 'hello');
      await engine.docker(
        'run',
        '-d',
        '--name',
        'ca',
        '-p',
        '127.0.0.1:0:80',
        '-v',
        'kept:/data',
        'busybox',
        'sleep',
        '100',
      );
      await engine.docker('exec', 'ca', 'id', '-u');
      await engine.docker('cp', 'ca:/etc/passwd', '-');
      await engine.docker('top', 'ca');
      await engine.docker('stats', '--no-stream', 'ca');
      await engine.docker('pause', 'ca');
      await engine.docker('unpause', 'ca');
      await engine.docker('network', 'create', 'own');
      await engine.docker('run', '--rm', '--network', 'own', 'busybox', 'true');
      await engine.docker('stop', '-t', '1', 'ca');
      await engine.docker('start', 'ca');
      await engine.docker('rm', '-f', 'ca');
      await engine.docker('network', 'rm', 'own');
      await engine.docker('volume', 'rm', 'kept');
    });
    expect(started).toEqual([
      '"/bin/echo", ["echo", "hello"]',
      '"/bin/sleep", ["sleep", "100"]',
      '"/bin/id", ["id", "-u"]',
      '"/bin/true", ["true"]',
      '"/bin/sleep", ["sleep", "100"]',
    ]);
  });
});
