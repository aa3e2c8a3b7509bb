import { type ChildProcess, spawn } from 'node:child_process';
import type { ServerChannel, Session } from 'ssh2';

const shellEnvironment = (term: string): NodeJS.ProcessEnv => ({
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  TERM: term,
});

/** Serves `berth shell` (with or without a terminal) and `berth shell COMMAND` on a session of the channel. */
export function serveShell(session: Session): void {
  session.on('shell', accept => run(accept(), ['-i']));
  session.on('exec', (accept, _reject, { command }) => run(accept(), ['-c', command]));
}

function run(channel: ServerChannel, args: string[]): void {
  const child = spawn('/bin/sh', args, { cwd: '/', env: shellEnvironment('dumb'), stdio: ['pipe', 'pipe', 'pipe'] });
  channel.pipe(child.stdin);
  child.stdin.on('error', () => undefined);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  channel.on('close', () => child.kill('SIGHUP'));
  endWith(channel, child);
}

/** Gives the shell's exit code to the other side, after all it has said. */
function endWith(channel: ServerChannel, child: ChildProcess): void {
  child.on('error', () => {
    channel.exit(127);
    channel.close();
  });
  child.on('close', (code, signal) => {
    channel.write('', () => {
      if (signal) channel.exit(signal.slice('SIG'.length));
      else channel.exit(code ?? 0);
      channel.close();
    });
  });
}
