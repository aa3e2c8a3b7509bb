import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeJsonFileSync } from '../../base/json-file.ts';
import { goneWithin, identify, isAlive, type ProcessIdentity, signalProcess } from '../machine/index.ts';
import { spawnAgent } from './agent-process.ts';
import type { Surroundings } from './surroundings.ts';

/** The engine on this computer itself: started by us, or found running because its host program was killed. */
export interface NativeAgent {
  /** The engine's own socket. */
  socket: string;
  found: boolean;
  /** Resolves when it is gone, however that came. */
  exited(): Promise<unknown>;
  isAlive(): boolean;
  /** An orderly end: containers stop. False when it had to be killed: then they go on. */
  end(): Promise<boolean>;
}

/** Containers get 15 s; what the agent does beyond that is bounded, too. */
const stopLimitMs = 45_000;

/**
 * Where the agent keeps what a reboot may take, and its bridge. Berth's usual home has the plain names; every other home
 * has its own, so that tests run beside a user's engine.
 */
function nativeNames({ home, env }: Surroundings): { execRoot: string; bridge: string } {
  if (!env.BERTH_HOME) return { execRoot: '/run/berth', bridge: 'berth0' };
  const mark = createHash('sha256').update(home.folder).digest('hex').slice(0, 8);
  return { execRoot: `/run/berth-${mark}`, bridge: `berth${mark}` };
}

const recordOf = ({ home }: Surroundings): string => join(home.native, 'agent.json');

/** The agent of this home that still runs. */
export function findNativeAgent(around: Surroundings): NativeAgent | undefined {
  try {
    const identity = JSON.parse(readFileSync(recordOf(around), 'utf8')) as ProcessIdentity;
    return isAlive(identity) ? agentOf(around, identity, true) : undefined;
  } catch {
    return undefined;
  }
}

/** Starts it in a session of its own (Ctrl-C is ours to pass on), its words in the home's log. @throws unavailable where it cannot run */
export function startNativeAgent(around: Surroundings): NativeAgent {
  const { home } = around;
  const { execRoot, bridge } = nativeNames(around);
  const host = `unix://${join(execRoot, 'docker.sock')}`;
  const args = ['--root', home.native, '--exec-root', execRoot, '--bridge', bridge, '--host', host];
  const log = openSync(home.log, 'a', 0o600);
  const child = spawnAgent(around, args, log, true);
  closeSync(log);
  child.on('error', () => undefined); // an agent that is not there is one that has ended
  const identity = identify(child.pid ?? 0);
  writeJsonFileSync(recordOf(around), identity);
  return agentOf(around, identity, false);
}

function agentOf(around: Surroundings, identity: ProcessIdentity, found: boolean): NativeAgent {
  return {
    socket: join(nativeNames(around).execRoot, 'docker.sock'),
    found,
    exited: () => goneWithin(identity, Number.POSITIVE_INFINITY),
    isAlive: () => isAlive(identity),
    end: async () => {
      if (!signalProcess(identity, 'SIGTERM')) return true;
      if (await goneWithin(identity, stopLimitMs)) return true;
      signalProcess(identity, 'SIGKILL');
      await goneWithin(identity, stopLimitMs);
      return false;
    },
  };
}
