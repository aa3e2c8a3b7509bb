import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, openSync, readlinkSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import type { PseudoTtyInfo, ServerChannel, Session } from 'ssh2';
import { openTerminalPeer, setTerminalSize } from '../syscalls/terminal.ts';

const environment = (term: string): NodeJS.ProcessEnv => ({
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  TERM: term,
});

/** Serves `berth shell` (a terminal) and `berth shell COMMAND` (pipes) on a session of the channel. */
export function serveShell(session: Session): void {
  let terminal: PseudoTtyInfo | undefined;
  let resize: (rows: number, columns: number) => void = () => undefined;
  session.on('pty', (accept, _reject, info) => {
    terminal = info;
    accept?.();
  });
  session.on('window-change', (accept, _reject, { rows, cols }) => {
    resize(rows, cols);
    accept?.();
  });
  const start = (channel: ServerChannel, command: string | undefined): void => {
    if (terminal) resize = runOnTerminal(channel, command, terminal);
    else runOnPipes(channel, command);
  };
  session.on('shell', accept => start(accept(), undefined));
  session.on('exec', (accept, _reject, { command }) => start(accept(), command));
}

function runOnPipes(channel: ServerChannel, command: string | undefined): void {
  const args = command === undefined ? [] : ['-c', command];
  const child = spawn('/bin/sh', args, { cwd: '/', env: environment('dumb'), stdio: ['pipe', 'pipe', 'pipe'] });
  channel.pipe(child.stdin);
  child.stdin.on('error', () => undefined);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  channel.on('close', () => child.kill('SIGHUP'));
  endWith(channel, child);
}

/**
 * A shell on a terminal of its own. `detached` makes it the leader of a session; a leader without a controlling terminal
 * gets the first one that it opens (tty(4)), hence the reopening by path.
 */
function runOnTerminal(
  channel: ServerChannel,
  command: string | undefined,
  { rows, cols, term }: PseudoTtyInfo & { term?: string },
): (rows: number, columns: number) => void {
  const master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
  const peer = openTerminalPeer(master);
  if (rows > 0 && cols > 0) setTerminalSize(master, rows, cols);
  const script = `exec <"$0" >"$0" 2>&1; exec /bin/sh ${command === undefined ? '-i' : '-c "$1"'}`;
  const child = spawn('/bin/sh', ['-c', script, readlinkSync(`/proc/self/fd/${peer}`), command ?? ''], {
    cwd: '/',
    env: environment(term || 'xterm'),
    stdio: [peer, peer, peer],
    detached: true,
  });
  closeSync(peer);
  const screen = new ReadStream(master);
  screen.on('error', () => undefined); // EIO: the last program on the terminal has ended
  screen.on('data', data => {
    if (!channel.write(data)) screen.pause();
  });
  channel.on('drain', () => screen.resume());
  channel.on('data', (data: Buffer) => screen.write(data));
  channel.on('close', () => {
    if (child.pid && child.exitCode === null) process.kill(-child.pid, 'SIGHUP');
    screen.destroy();
  });
  endWith(channel, child, screen);
  return (newRows, columns) => {
    if (!screen.destroyed) setTerminalSize(master, newRows, columns);
  };
}

/** Gives the shell's exit code to the other side, after all it has said. */
function endWith(channel: ServerChannel, child: ChildProcess, screen?: ReadStream): void {
  const finish = (code: number | null, signal: string | null): void => {
    channel.write('', () => {
      if (signal) channel.exit(signal.slice('SIG'.length));
      else channel.exit(code ?? 127);
      channel.close();
    });
  };
  child.on('error', () => finish(127, null));
  child.on('close', (code, signal) => {
    if (!screen || screen.destroyed) return finish(code, signal);
    // What the terminal still holds is read before its end (or, when a background program keeps it, for a moment).
    const timer = setTimeout(() => screen.destroy(), 200);
    screen.once('close', () => {
      clearTimeout(timer);
      finish(code, signal);
    });
    return undefined;
  });
}
