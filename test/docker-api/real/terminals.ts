import { expect, it } from 'vitest';
import { openTerminal, type Terminal } from '../../support/terminal.ts';
import { type Stage, until } from './subject.ts';

/** The `docker` command on a real terminal. */
export function terminalTests(stage: () => Stage): void {
  const open = (words: string[], size: { rows?: number; columns?: number } = {}): Terminal =>
    openTerminal(['docker', ...words], { env: { DOCKER_HOST: `unix://${stage().engine.socket}` }, ...size });
  aShell(stage, open);
  detaching(stage, open);
  interrupting(stage, open);
}

type Open = (words: string[], size?: { rows?: number; columns?: number }) => Terminal;

function aShell(stage: () => Stage, open: Open): void {
  it('run -it: a shell with a terminal of the right size, that follows', async () => {
    const terminal = open(['run', '-it', '--rm', '--name', 'shell', stage().python, 'bash'], { rows: 31, columns: 97 });
    await terminal.shows(/root@\w+:\/# /);
    terminal.type('stty size; tty; echo $TERM\r');
    await terminal.shows(/31 97\r\n\/dev\/pts\/0\r\nxterm\r\n/);
    terminal.resize(40, 120);
    await until('the new size is known', async () => {
      terminal.type('stty size\r');
      await terminal.shows(/\d+ \d+\r\n/);
      return terminal.shown().includes('40 120\r\n');
    });
    terminal.type('sleep 1000\r');
    await terminal.shows(/sleep 1000\r\n/);
    terminal.type('\x03');
    await terminal.shows(/\^C/);
    terminal.type('echo code $?\r');
    await terminal.shows(/code 130\r\n/);
    terminal.type('exit 5\r');
    expect(await terminal.ended).toBe(5);
  });

  it('exec -it: the same in a container that runs', async () => {
    const { engine, python } = stage();
    await engine.docker('run', '-d', '--name', 'execs', python, 'sleep', '1000');
    const terminal = open(['exec', '-it', 'execs', 'bash'], { rows: 22, columns: 66 });
    await terminal.shows(/root@\w+:\/# /);
    terminal.type('stty size; ps -o comm= -p 1\r');
    await terminal.shows(/22 66\r\nsleep\r\n/);
    terminal.resize(23, 67);
    await until('the new size is known', async () => {
      terminal.type('stty size\r');
      await terminal.shows(/\d+ \d+\r\n/);
      return terminal.shown().includes('23 67\r\n');
    });
    terminal.type('\x04');
    expect(await terminal.ended).toBe(0);
    await engine.docker('rm', '-f', 'execs');
  });
}

function detaching(stage: () => Stage, open: Open): void {
  it('leaves with ctrl-p ctrl-q, and comes back with attach', async () => {
    const { engine, busybox } = stage();
    const terminal = open(['run', '-it', '--name', 'left', busybox, 'sh']);
    await terminal.shows(/# /);
    terminal.type('echo first\r');
    await terminal.shows(/\r\nfirst\r\n/);
    terminal.type('\x10\x11');
    expect(await terminal.ended).toBe(0);
    expect(await engine.docker('inspect', '-f', '{{.State.Running}}', 'left')).toBe('true\n');
    const again = open(['attach', '--detach-keys', 'ctrl-x,x', 'left']);
    again.type('echo again\r');
    await again.shows(/\r\nagain\r\n/);
    again.type('\x18x');
    await again.ended;
    expect(await engine.docker('inspect', '-f', '{{.State.Running}}', 'left')).toBe('true\n');
    await engine.docker('rm', '-f', 'left');
  });
}

function interrupting(stage: () => Stage, open: Open): void {
  it('Ctrl-C without -t: the signal goes to the program', async () => {
    const { engine, python } = stage();
    const code = 'import time; print("ready", flush=True); time.sleep(1000)';
    const terminal = open(['run', '--name', 'interrupted', python, 'python3', '-c', code]);
    await terminal.shows(/ready/);
    terminal.type('\x03');
    await terminal.shows(/KeyboardInterrupt/);
    expect(await terminal.ended).toBe(130);
    expect(await engine.docker('inspect', '-f', '{{.State.ExitCode}}', 'interrupted')).toBe('130\n');
    await engine.docker('rm', 'interrupted');
  });
}
