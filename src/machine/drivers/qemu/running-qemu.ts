import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type BootLine, parseBootLine, type WakeCall } from '../../../../contracts/guest.ts';
import type { UdpRule } from '../../../forwarding/index.ts';
import type { MachineExit, RunningMachine } from '../../driver.ts';
import { goneWithin, signalProcess } from '../../process-identity.ts';
import { networkId } from './command-line.ts';
import type { filesIn, QemuRecord } from './qemu-driver.ts';
import type { Qmp } from './qmp.ts';

/** How often the file behind the readiness port is read while the guest boots. */
const readinessPollMs = 25;
/** QEMU ends a quarter of a second after `quit`; a process that does not is killed. */
const quitLimitMs = 3000;

/** A QEMU process whose monitor we hold. */
export function runningQemu(parts: {
  record: QemuRecord;
  qmp: Qmp;
  files: ReturnType<typeof filesIn>;
  exit: Promise<MachineExit>;
  keep?: () => Promise<void>;
}): RunningMachine {
  const { record, qmp, files, exit, keep } = parts;
  const wakePort = connect(files.wake).on('error', () => undefined);
  let ended = false;
  void exit.then(() => {
    ended = true;
    qmp.close();
    wakePort.destroy();
  });
  return {
    description: record.description,
    accelerated: record.accelerated,
    exited: exit,
    resumed: record.resumed,
    ...(keep ? { keep } : {}),
    wake: call => send(wakePort, call),
    openStream: () => connectLoopback(record.sshPort ?? 0),
    bootLines: signal => bootLines(files.readiness, () => ended || signal.aborted),
    pressPowerButton: async () => {
      await qmp.execute('system_powerdown');
    },
    kill: async () => {
      await qmp.execute('quit').catch(() => undefined);
      if (await goneWithin(record, quitLimitMs)) return;
      signalProcess(record, 'SIGKILL');
      await goneWithin(record, quitLimitMs);
    },
    lastWords: () => lastLines(files.console, 5),
    udp: {
      add: rule => qmp.tell(`hostfwd_add ${networkId} ${udpRule(rule)}-:${rule.guestPort}`),
      remove: rule => qmp.tell(`hostfwd_remove ${networkId} ${udpRule(rule)}`, 'removed'),
    },
  };
}

const send = (port: Socket, call: WakeCall): Promise<void> =>
  new Promise((resolve, reject) => {
    port.write(`${JSON.stringify(call)}\n`, error => (error ? reject(error) : resolve()));
  });

const udpRule = ({ hostAddress, hostPort }: UdpRule): string => `udp:${hostAddress}:${hostPort}`;

function connectLoopback(port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}

/** QEMU appends to the file what the guest writes to the port; a torn line is read again, whole, at the next look. */
async function* bootLines(file: string, over: () => boolean): AsyncGenerator<BootLine> {
  let seen = 0;
  for (;;) {
    const last = over(); // looked at before the read, so that a last line is not missed
    const lines = textOf(file).split('\n').slice(0, -1);
    for (const line of lines.slice(seen)) {
      const parsed = parseBootLine(line);
      if (parsed) yield parsed;
      if (parsed?.phase === 'ready') return;
    }
    seen = lines.length;
    if (last) return;
    await new Promise(resolve => setTimeout(resolve, readinessPollMs));
  }
}

/** A file that is not there yet is empty. */
export function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** The last lines of a text file that say something. */
export function lastLines(file: string, count: number): string[] {
  return textOf(file)
    .split(/\r?\n/)
    .map(line => line.trim())
    .filter(line => line !== '')
    .slice(-count);
}
