import { connect } from 'node:net';
import { join } from 'node:path';
import type { ClientChannel } from 'ssh2';
import { unavailable } from '../../contracts/errors.ts';
import { openSshSession } from '../forwarding/index.ts';
import { ensureKeys, readQemuRecord } from '../machine/index.ts';
import type { Surroundings } from './surroundings.ts';

/** `berth shell [COMMAND…]`: a shell in the machine, on a terminal when we are on one. Returns its exit code. */
export async function shell(around: Surroundings, command: string[]): Promise<number> {
  const record = readQemuRecord(around.home.machine);
  if (!record?.sshPort) throw unavailable('The machine is not running: `berth up` starts it');
  const keys = await ensureKeys(join(around.home.machine, 'keys.json'));
  const stream = connect({ host: '127.0.0.1', port: record.sshPort, noDelay: true });
  const session = await openSshSession({
    stream,
    hostPublicKey: keys.host.public,
    privateKey: keys.user.private,
  });
  try {
    const { stdin, stdout } = process;
    const terminal = stdin.isTTY && stdout.isTTY ? { ...sizeOf(stdout), term: around.env.TERM ?? 'xterm' } : undefined;
    const channel = await session.openShell(command.length > 0 ? command.join(' ') : undefined, terminal);
    return await joinTerminal(channel, terminal !== undefined);
  } finally {
    session.close();
  }
}

const sizeOf = ({ rows, columns }: { rows: number; columns: number }) => ({ rows, cols: columns, width: 0, height: 0 });

async function joinTerminal(channel: ClientChannel, raw: boolean): Promise<number> {
  const { stdin, stdout, stderr } = process;
  if (raw) stdin.setRawMode(true);
  const resize = (): void => channel.setWindow(stdout.rows, stdout.columns, 0, 0);
  if (raw) stdout.on('resize', resize);
  stdin.pipe(channel);
  channel.pipe(stdout, { end: false });
  channel.stderr.pipe(stderr, { end: false });
  try {
    return await new Promise(resolve => {
      let code = 1;
      channel.on('exit', (status: number | null) => {
        code = status ?? 1;
      });
      channel.on('close', () => resolve(code));
    });
  } finally {
    stdout.off('resize', resize);
    stdin.unpipe(channel);
    if (raw) stdin.setRawMode(false);
    stdin.pause();
  }
}
