import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LaunchError, type RunningProcess } from '../../../guest-agent/runtime/index.ts';
import { eventually } from '../../support/eventually.ts';
import { readAvailable, shows, spec, Workshop, whyNot } from './harness.ts';

const reason = whyNot();

describe.skipIf(reason)('processes in a running container', () => {
  let shop: Workshop;
  let container: RunningProcess;
  beforeAll(async () => {
    shop = await Workshop.open();
    container = await shop.runtime.launch(shop.request(spec(['sleep', '1000'])));
  });
  afterAll(() => shop.close());

  const process = (...args: string[]) => spec(args).process;

  it('see what the container sees', async () => {
    const { output, exitCode } = await shop.runExec(
      container,
      process('sh', '-c', 'hostname; cat /proc/1/cmdline; cat /proc/self/cgroup | grep -c ":/$"; exit 5'),
    );
    expect(exitCode).toBe(5);
    expect(output).toMatch(/^box\nsleep\x001000\x00/);
  });

  it('read their input until it is closed', async () => {
    const request = shop.execRequest(container, process('cat'));
    const stdin = shop.fifo(request.id, 'in');
    const out = request.stdio.terminal ? '' : (request.stdio.stdout ?? '');
    request.stdio = { terminal: false, stdin, stdout: out, stderr: out };
    const reader = openSync(out, constants.O_RDONLY | constants.O_NONBLOCK);
    const running = await shop.runtime.exec(request);
    const writer = openSync(stdin, constants.O_WRONLY | constants.O_NONBLOCK);
    writeSync(writer, 'through the pipe\n');
    closeSync(writer); // an engine that dies
    expect(await eventually('it is passed on', () => readAvailable(reader))).toBe('through the pipe\n');
    const again = openSync(stdin, constants.O_WRONLY | constants.O_NONBLOCK);
    writeSync(again, 'and once more\n');
    closeSync(again);
    running.closeStdin();
    expect(await running.exited).toMatchObject({ exitCode: 0 });
    expect(readAvailable(reader)).toBe('and once more\n');
    closeSync(reader);
  });

  it('have a terminal with a size', async () => {
    const stdio = { terminal: true as const, size: { rows: 33, columns: 101 } };
    const running = await shop.runtime.exec(
      shop.execRequest(container, process('sh', '-c', 'tty; stty size; read x; stty size; echo got $x'), { stdio }),
    );
    const master = running.openTerminal();
    expect(await shows(master, '33 101\r\n')).toMatch(/^\/dev\/pts\/\d+\r\n33 101\r\n$/);
    running.resize(50, 120);
    await shop.keeperDone();
    writeSync(master, 'word\n');
    expect(await shows(master, 'got word\r\n')).toBe('word\r\n50 120\r\ngot word\r\n');
    expect(await running.exited).toMatchObject({ exitCode: 0 });
    closeSync(master);
  });

  it('say when there is no such program or folder', async () => {
    await expect(shop.runExec(container, process('nope'))).rejects.toMatchObject({ step: 'execve', code: 'ENOENT' });
    await expect(shop.runExec(container, { ...process('true'), cwd: '/missing' })).rejects.toMatchObject({
      step: 'user',
      code: 'ENOENT',
      subject: '/missing',
    });
  });

  it('find no way out through a descriptor', async () => {
    for (let fd = 0; fd < 60; fd++) {
      const found = await shop
        .runExec(container, { ...process('pwd'), cwd: `/proc/self/fd/${fd}` })
        .catch(error => error);
      if (found instanceof LaunchError) expect(found).toMatchObject({ step: 'user' });
      else expect(found).toMatchObject({ output: '/\n' }); // the container's own root
    }
  });

  it('end with the container', async () => {
    const other = await shop.runtime.launch(shop.request(spec(['sleep', '1000'])));
    const inside = await shop.runtime.exec(shop.execRequest(other, process('sleep', '1000')));
    other.signal(9);
    expect(await other.exited).toMatchObject({ exitCode: 137, signal: 9 });
    expect(await inside.exited).toMatchObject({ exitCode: 137, signal: 9 });
    await expect(shop.runExec(other, process('true'))).rejects.toMatchObject({ code: 'ESRCH' });
  });
});
