import { expect, it } from 'vitest';
import { command } from '../../support/command.ts';
import { type Stage, until } from './subject.ts';

/** What containers say, and what the engine says about them. */
export function outputTests(stage: () => Stage): void {
  logs(stage);
  muchOutput(stage);
  events(stage);
}

function logs(stage: () => Stage): void {
  it('reads logs: all, the last, since a time, each stream', async () => {
    const { engine, busybox } = stage();
    const talk = 'echo one; echo two >&2; usleep 1100000; echo three; printf four';
    await engine.docker('run', '--name', 'talker', busybox, 'sh', '-c', talk);
    const all = await engine.tryDocker(['logs', 'talker']);
    expect(all).toMatchObject({ stdout: 'one\nthree\nfour', stderr: 'two\n' });
    expect(await engine.docker('logs', '--tail', '2', 'talker')).toBe('three\nfour');
    const stamped = await engine.docker('logs', '-t', '--tail', '2', 'talker');
    const time = /^(\S+Z) three$/m.exec(stamped)?.[1] ?? '';
    expect(Date.parse(time)).toBeGreaterThan(0);
    expect(await engine.docker('logs', '--since', time, 'talker')).toBe('three\nfour');
    const before = await engine.tryDocker([
      'logs',
      '--until',
      new Date(Date.parse(time) - 500).toISOString(),
      'talker',
    ]);
    expect(before).toMatchObject({ stdout: 'one\n', stderr: 'two\n' });
    await engine.docker('rm', 'talker');
  });

  it('follows logs to the end of the container', async () => {
    const { engine, busybox } = stage();
    const talk = 'i=0; while [ $i -lt 40 ]; do echo line $i; i=$((i+1)); usleep 20000; done; exit 4';
    await engine.docker('run', '-d', '--name', 'teller', busybox, 'sh', '-c', talk);
    const followed = await engine.docker('logs', '-f', 'teller');
    expect(followed).toBe(Array.from({ length: 40 }, (_, number) => `line ${number}\n`).join(''));
    expect(await engine.docker('inspect', '-f', '{{.State.ExitCode}}', 'teller')).toBe('4\n');
    await engine.docker('rm', 'teller');
  });
}

const megabytes = 20;
/** Into a container: an emulated machine takes long, and what is to be seen is seen with less. */
const megabytesIn = { native: 20, machine: 5 };
const flood = `
import hashlib, os, sys
digest = hashlib.sha256()
for number in range(${megabytes}):
    block = b"".join(b"%07d %s\\n" % (number * 8192 + line, b"x" * 119) for line in range(8192))
    digest.update(block)
    sys.stdout.buffer.write(block)
sys.stdout.flush()
print(digest.hexdigest(), file=sys.stderr)
`;

function muchOutput(stage: () => Stage): void {
  it(`carries ${megabytes} MB through attach and logs, each byte once`, async () => {
    const { engine, python } = stage();
    const env = { DOCKER_HOST: `unix://${engine.socket}` };
    const sum = async (line: string): Promise<{ sum: string; told: string }> => {
      const { stdout, stderr } = await command('bash', ['-c', `set -o pipefail; ${line} | sha256sum`], {
        env: { ...env, IMAGE: python, PROGRAM: flood },
        timeoutMs: 180_000,
      });
      return { sum: stdout.slice(0, 64), told: stderr.trim() };
    };
    await engine.docker('pull', '-q', python); // its progress would be told on standard error
    const attached = await sum('docker run --name flood "$IMAGE" python3 -c "$PROGRAM"');
    expect(attached.told).toMatch(/^[0-9a-f]{64}$/);
    expect(attached.sum).toBe(attached.told);
    expect(await sum('docker logs flood')).toEqual(attached);
    await engine.docker('rm', 'flood');
  });

  it('carries megabytes through standard input and exec, each byte once', async () => {
    const { engine, busybox, place } = stage();
    const env = { DOCKER_HOST: `unix://${engine.socket}`, IMAGE: busybox };
    await engine.docker('run', '-d', '--name', 'mirror', busybox, 'sleep', '1000');
    const through = (line: string): Promise<string> =>
      command(
        'bash',
        [
          '-c',
          `head -c ${megabytesIn[place]}000000 /bin/bash /bin/busybox "$(command -v node)" 2>/dev/null | ${line} | sha256sum`,
        ],
        {
          env,
          timeoutMs: 180_000,
        },
      ).then(({ stdout }) => stdout);
    const plain = await through('cat');
    expect(await through('docker exec -i mirror cat')).toBe(plain);
    expect(await through('docker run --rm -i "$IMAGE" cat')).toBe(plain);
    await engine.docker('rm', '-f', 'mirror');
  });
}

function events(stage: () => Stage): void {
  it('tells events as they happen, and afterwards', async () => {
    const { engine, busybox } = stage();
    const run = await engine.tryDocker(['run', '--name', 'eventful', busybox, 'sh', '-c', 'exit 6']);
    expect(run.code).toBe(6);
    await engine.docker('rm', 'eventful');
    const format = '{{.Action}} {{index .Actor.Attributes "exitCode"}}';
    const filters = ['--filter', 'container=eventful', '--format', format];
    const told = await until('the last event is told', async () => {
      const text = await engine.docker('events', '--since', '10m', '--until', '0s', ...filters);
      return text.includes('destroy') ? text : '';
    });
    expect(told.split('\n').map(line => line.trim())).toEqual(['create', 'attach', 'start', 'die 6', 'destroy', '']);
  });
}
