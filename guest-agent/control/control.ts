import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { type Handlers, JsonPeer } from '../../base/json-peer.ts';
import type { Log } from '../../base/log.ts';
import {
  type GuestCalls,
  guestSshPort,
  type HostCalls,
  type MachineSettings,
  type PublishedPort,
} from '../../contracts/guest.ts';
import { setWallClock } from '../syscalls/clock.ts';
import { watchPowerKey } from './power-key.ts';
import { type HostPeer, PublishedPortList } from './published-ports.ts';
import { reportPhase, uptimeSeconds } from './readiness.ts';
import { serveShell } from './shell.ts';
import { startSshServer } from './ssh-server.ts';
import { untilWoken } from './wake.ts';

export interface ControlOptions {
  settings: MachineSettings;
  /** `/run/berth`: its `docker.sock` is the engine's, its `control.sock` a name for this room on the channel. */
  execRoot: string;
  version: string;
  /** Ends the agent in order: containers get `graceSeconds`, then everything is released. Called at most once. */
  shutdown: (graceSeconds: number) => Promise<void>;
  /** Where SSH listens; 0 chooses a port (tests). */
  listen?: { host: string; port: number };
  log: Log;
}

export interface Control {
  readonly sshPort: number;
  /** For room `networks`: the host opens what containers publish. */
  readonly publisher: {
    publish(id: string, ports: PublishedPort[]): Promise<void>;
    withdraw(id: string): Promise<void>;
  };
  /** Tells the host that we are loaded, and sleeps until it wakes us; a line in `fifo` then tells our init. */
  untilWoken(fifo: string): Promise<void>;
  /** Tells the host that the engine's socket answers. */
  ready(): void;
  close(): Promise<void>;
}

const doorForHost = { host: '10.0.2.15', port: guestSshPort };
/** The host in the network of the machine. Containers reach the same door, and could fill the places of those who log in. */
const hostAddress = '10.0.2.2';

/** What a container may take to end when the machine is switched off. */
const powerOffGraceSeconds = 15;

/** The file that tells PID 1 to power off once the agent has ended with exit code 0. */
export const powerOffMarker = 'poweroff';

/**
 * The guest's end of the channel, from the first byte that the host may send to the last that the machine says: the SSH
 * server, the calls of contracts/guest.ts, the power button and the readiness port. Its publisher is needed to build the
 * networks, so control is opened before the engine and says `ready` after it.
 */
export async function openControl(options: ControlOptions): Promise<Control> {
  const { execRoot, log, settings } = options;
  let host: HostPeer | undefined;
  let stopping = false;
  const ports = new PublishedPortList(() => (host?.open ? host : undefined), log);
  const powerOff = (graceSeconds: number): void => {
    if (stopping) return;
    stopping = true;
    writeFileSync(join(execRoot, powerOffMarker), '');
    options.shutdown(graceSeconds).catch(error => log.error('the shutdown failed', { error }));
  };
  const handlers = guestHandlers(options, { ports, powerOff, stopping: () => stopping });
  const serveControl = (stream: Duplex): void => {
    // The newest wins: the one before belongs to a host program that is gone without our having noticed.
    host?.close();
    host = new JsonPeer<GuestCalls, HostCalls>(stream, handlers);
  };
  const ssh = await startSshServer({
    hostKey: settings.hostKey,
    authorizedKeys: settings.authorizedKeys,
    ...(options.listen ? { listen: options.listen } : { listen: doorForHost, from: hostAddress }),
    targets: new Map([
      [join(execRoot, 'docker.sock'), { socket: join(execRoot, 'docker.sock') }],
      [join(execRoot, 'control.sock'), { serve: serveControl }],
    ]),
    shell: serveShell,
    log,
  });
  const stopWatching = watchPowerKey(() => powerOff(powerOffGraceSeconds));
  return {
    sshPort: ssh.port,
    publisher: { publish: (id, wanted) => ports.publish(id, wanted), withdraw: id => ports.withdraw(id) },
    untilWoken: fifo => {
      reportPhase('agent');
      return untilWoken(fifo);
    },
    ready: () => reportPhase('ready'),
    close: () => {
      stopWatching();
      return ssh.close();
    },
  };
}

interface Room {
  ports: PublishedPortList;
  powerOff: (graceSeconds: number) => void;
  stopping: () => boolean;
}

function guestHandlers(options: ControlOptions, room: Room): Handlers<GuestCalls> {
  return {
    health: () => ({
      version: options.version,
      uptimeSeconds: uptimeSeconds(),
      state: room.stopping() ? 'stopping' : 'ready',
    }),
    clock: () => ({ unixMs: Date.now() }),
    adjustClock: ({ byMs }) => {
      setWallClock(Date.now() + byMs);
      options.log.info('clock adjusted', { byMs });
      return {};
    },
    ports: () => ({ published: room.ports.list() }),
    shutdown: ({ graceSeconds }) => {
      setImmediate(() => room.powerOff(graceSeconds)); // the answer leaves first
      return {};
    },
  };
}
