import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { httpBytes } from '../../base/http-client.ts';
import { conflict, unavailable } from '../../contracts/errors.ts';
import { acquireLock, type MachineState } from '../machine/index.ts';
import { findHost, serveHostControl } from './host-control.ts';
import { findNativeAgent, type NativeAgent, startNativeAgent } from './native-agent.ts';
import { seconds } from './progress.ts';
import { ensureHome, type Surroundings } from './surroundings.ts';
import { ensurePackages, missingForNative } from './system-packages.ts';
import { stopRequests, tellUp, type UpOptions } from './up.ts';

const startLimitMs = 20_000;

/** `berth up --native`: the engine on this Linux computer, as root, without a machine. Returns the exit code. */
export async function upNative(around: Surroundings, options: UpOptions): Promise<number> {
  await refuseWhenUp(around);
  ensureHome(around);
  await ensurePackages(missingForNative(), around);
  const { home } = around;
  mkdirSync(home.native, { recursive: true, mode: 0o711 });
  const lock = await acquireLock(home.machine);
  const stop = stopRequests();
  const began = performance.now();
  const since = new Date().toISOString();
  let state: MachineState = { status: 'starting', phase: 'engine', since };
  const control = await serveHostControl(home, {
    status: () => ({ pid: process.pid, mode: 'native', state, ports: [] }),
    stop: () => stop.now(),
  });
  const agent = findNativeAgent(around) ?? startNativeAgent(around);
  try {
    linkSocket(home.dockerSocket, agent.socket);
    await engineAnswers(agent);
    state = { status: 'running', since, description: 'on this computer', adopted: agent.found };
    around.tell(`${seconds(performance.now() - began).padStart(9)}  until the engine answered`);
    await tellUp(around, options);
    const reason = await Promise.race([stop.requested.then(() => 'asked'), agent.exited().then(() => 'ended')]);
    if (reason === 'asked') return await endAgent(around, agent);
    around.tell('the engine has ended: see `berth logs`');
    return 1;
  } catch (error) {
    await agent.end();
    throw error;
  } finally {
    rmSync(home.dockerSocket, { force: true });
    await lock.release();
    control.close();
    stop.forget();
  }
}

async function refuseWhenUp({ home }: Surroundings): Promise<void> {
  const host = await findHost(home);
  host?.close();
  if (host) throw conflict('berth is up already: `berth status` shows it, `berth down` ends it');
}

/** The home's socket is the engine's own: nothing is forwarded. */
function linkSocket(path: string, target: string): void {
  rmSync(path, { force: true });
  symlinkSync(target, path);
}

async function engineAnswers(agent: NativeAgent): Promise<void> {
  const end = performance.now() + startLimitMs;
  for (;;) {
    try {
      await httpBytes({ socketPath: agent.socket }, 'GET', '/_ping', { timeoutMs: 1000 });
      return;
    } catch (cause) {
      if (!agent.isAlive()) throw unavailable('The engine ended at once: see `berth logs`', { cause });
      if (performance.now() > end) throw unavailable('The engine does not answer: see `berth logs`', { cause });
      await new Promise(resolve => setTimeout(resolve, 20));
    }
  }
}

async function endAgent(around: Surroundings, agent: NativeAgent): Promise<number> {
  around.tell('stopping the engine');
  const began = performance.now();
  const orderly = await agent.end();
  if (!orderly) around.tell('the engine did not end: it was killed; its containers go on');
  around.tell(`${seconds(performance.now() - began).padStart(9)}  stopped`);
  return orderly ? 0 : 1;
}
