import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { settledWithin } from '../../base/clock.ts';
import { httpBytes } from '../../base/http-client.ts';
import { conflict, unavailable } from '../../contracts/errors.ts';
import type { MachineState } from '../machine/index.ts';
import { spawnAgent } from './agent-process.ts';
import { findHost, serveHostControl } from './host-control.ts';
import { seconds } from './progress.ts';
import { ensureHome, type Surroundings } from './surroundings.ts';
import { stopRequests, tellUp, type UpOptions } from './up.ts';

/**
 * Where the agent keeps what a reboot may take, and its bridge. Berth's usual home has the plain names; every other home
 * has its own, so that tests run beside a user's engine.
 */
function nativeNames({ home, env }: Surroundings): { execRoot: string; bridge: string } {
  if (!env.BERTH_HOME) return { execRoot: '/run/berth', bridge: 'berth0' };
  const mark = createHash('sha256').update(home.folder).digest('hex').slice(0, 8);
  return { execRoot: `/run/berth-${mark}`, bridge: `berth${mark}` };
}

const startLimitMs = 20_000;
/** Containers get 15 s; what the agent does beyond that is bounded, too. */
const stopLimitMs = 45_000;

/** `berth up --native`: the engine on this Linux computer, as root, without a machine. Returns the exit code. */
export async function upNative(around: Surroundings, options: UpOptions): Promise<number> {
  const host = await findHost(around.home);
  if (host) {
    host.close();
    throw conflict('berth is up already: `berth status` shows it, `berth down` ends it');
  }
  ensureHome(around);
  const { home } = around;
  mkdirSync(home.native, { recursive: true, mode: 0o700 });
  const log = openSync(home.log, 'a', 0o600);
  const { execRoot, bridge } = nativeNames(around);
  const engineSocket = join(execRoot, 'docker.sock');
  const args = ['--root', home.native, '--exec-root', execRoot, '--bridge', bridge, '--host', `unix://${engineSocket}`];
  const agent = spawnAgent(around, args, log, true);
  closeSync(log);
  const exited = new Promise<number>(resolve => agent.on('exit', code => resolve(code ?? 1)));
  const stop = stopRequests();
  const began = performance.now();
  let state: MachineState = { status: 'starting', phase: 'engine', since: new Date().toISOString() };
  const control = await serveHostControl(home, {
    status: () => ({ pid: process.pid, mode: 'native', state, ports: [] }),
    stop: () => stop.now(),
  });
  try {
    linkSocket(home.dockerSocket, engineSocket);
    await engineAnswers(home.dockerSocket, exited);
    state = { status: 'running', since: new Date().toISOString(), description: 'on this computer', adopted: false };
    around.tell(`${seconds(performance.now() - began).padStart(9)}  until the engine answered`);
    await tellUp(around, options);
    const reason = await Promise.race([stop.requested.then(() => 'asked' as const), exited]);
    if (reason === 'asked') return await endAgent(around, agent, exited);
    around.tell(`the engine has ended with code ${reason}: see \`berth logs\``);
    return 1;
  } catch (error) {
    await endAgent(around, agent, exited);
    throw error;
  } finally {
    control.close();
    rmSync(home.dockerSocket, { force: true });
    stop.forget();
  }
}

/** The home's socket is the engine's own: nothing is forwarded. */
function linkSocket(path: string, target: string): void {
  rmSync(path, { force: true });
  symlinkSync(target, path);
}

async function engineAnswers(socketPath: string, exited: Promise<number>): Promise<void> {
  let ended: number | undefined;
  void exited.then(code => {
    ended = code;
  });
  const end = performance.now() + startLimitMs;
  for (;;) {
    try {
      await httpBytes({ socketPath }, 'GET', '/_ping', { timeoutMs: 1000 });
      return;
    } catch (cause) {
      if (ended !== undefined) throw unavailable(`The engine ended with code ${ended}: see \`berth logs\``);
      if (performance.now() > end) throw unavailable('The engine does not answer: see `berth logs`', { cause });
      await new Promise(resolve => setTimeout(resolve, 20));
    }
  }
}

async function endAgent(around: Surroundings, agent: ChildProcess, exited: Promise<number>): Promise<number> {
  if (agent.exitCode !== null || agent.signalCode !== null) return 0;
  around.tell('stopping the engine');
  const began = performance.now();
  agent.kill('SIGTERM');
  if (!(await settledWithin(exited, stopLimitMs))) {
    around.tell('the engine does not end: it is killed; its containers go on');
    agent.kill('SIGKILL');
    await exited;
    return 1;
  }
  around.tell(`${seconds(performance.now() - began).padStart(9)}  stopped`);
  return 0;
}
