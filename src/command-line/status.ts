import { httpJson } from '../../base/http-client.ts';
import { type MachineState, readQemuRecord } from '../machine/index.ts';
import { findHost } from './host-control.ts';
import { findNativeAgent } from './native-agent.ts';
import type { Surroundings } from './surroundings.ts';

/** What `berth status --json` prints. */
export interface Status {
  home: string;
  mode: 'machine' | 'native' | null;
  state: MachineState;
  /** A machine, or an engine on this computer, runs without a host program: `berth up` takes it over, `berth down` ends it. */
  orphaned: boolean;
  dockerHost: string;
  hostPid: number | null;
  machinePid: number | null;
  engineVersion: string | null;
  ports: string[];
}

export async function readStatus(around: Surroundings): Promise<Status> {
  const { home } = around;
  const peer = await findHost(home);
  const host = await peer?.call('status', {}).catch(() => undefined);
  peer?.close();
  const machine = readQemuRecord(home.machine);
  const native = findNativeAgent(around) !== undefined;
  return {
    home: home.folder,
    mode: host?.mode ?? (machine ? 'machine' : native ? 'native' : null),
    state: host?.state ?? { status: 'stopped' },
    orphaned: !host && (machine !== undefined || native),
    dockerHost: home.dockerHost,
    hostPid: host?.pid ?? null,
    machinePid: machine?.pid ?? null,
    engineVersion: host ? await engineVersion(home.dockerSocket) : null,
    ports: host?.ports ?? [],
  };
}

async function engineVersion(socketPath: string): Promise<string | null> {
  try {
    const version = await httpJson({ socketPath }, 'GET', '/version', { timeoutMs: 5000 });
    return (version as { Version?: string }).Version ?? null;
  } catch {
    return null;
  }
}

/** The same for people. */
export function statusLines(status: Status): string[] {
  const { state } = status;
  const rows: [string, string | number | null][] = [
    ['state', status.orphaned ? 'running without a host program (`berth up` takes it over)' : stateText(state)],
    ['home', status.home],
    ['mode', status.mode],
    ['engine', status.engineVersion],
    ['DOCKER_HOST', status.engineVersion === null ? null : status.dockerHost],
    ['processes', [status.hostPid, status.machinePid].filter(pid => pid !== null).join(', ')],
    ['ports', status.ports.join(', ')],
  ];
  return rows.filter(([, value]) => value).map(([name, value]) => `${name.padEnd(12)} ${value}`);
}

function stateText(state: MachineState): string {
  switch (state.status) {
    case 'stopped':
      return 'stopped';
    case 'starting':
      return `starting (${state.phase}) since ${state.since}`;
    case 'running':
      return `running since ${state.since}, ${state.description}`;
    case 'stopping':
      return `stopping since ${state.since}`;
    case 'failed':
      return `failed: ${state.message}${state.repair ? `; ${state.repair}` : ''}`;
    default:
      return state satisfies never;
  }
}
