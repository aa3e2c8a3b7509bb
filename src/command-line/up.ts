import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../contracts/errors.ts';
import type { Machine, MachineExit } from '../machine/index.ts';
import { helloArchive, runHello } from './hello.ts';
import { findHost, type HostStatus, serveHostControl } from './host-control.ts';
import { buildImage } from './image-build.ts';
import { progressLines, seconds } from './progress.ts';
import { ensureHome, imageFolder, openHostLog, openMachine, type Surroundings } from './surroundings.ts';
import { ensurePackages, missingForImage, missingForMachine, together } from './system-packages.ts';

export interface UpOptions {
  /** Run the hello image once the engine answers. */
  hello: boolean;
  /** Called when everything is up: `berth up --detach` lets its parent go then. */
  whenUp?: () => void;
}

/** `berth up`: the machine in the foreground, until Ctrl-C, `berth down` or its own end. Returns the exit code. */
export async function up(around: Surroundings, options: UpOptions): Promise<number> {
  if (await alreadyUp(around)) return 0;
  ensureHome(around);
  const hasImage = existsSync(join(imageFolder(around), 'image.json'));
  const forMachine = missingForMachine(around);
  await ensurePackages(hasImage ? forMachine : together(forMachine, missingForImage(around)), around);
  if (!hasImage) await buildImage(around);
  const log = openHostLog(around);
  const machine = openMachine(around, log);
  machine.onState = state => log.info(`machine ${state.status}`, { ...state });
  await machine.claim();
  const stop = stopRequests();
  const control = await serveHostControl(around.home, {
    status: () => statusOf(machine),
    stop: () => stop.now(),
  });
  // Also in the middle of a start, which then fails.
  void stop.requested.then(() => machine.stop());
  try {
    const began = performance.now();
    around.tell('starting the machine');
    await machine.start(progressLines(process.stderr));
    around.tell(`${seconds(performance.now() - began).padStart(9)}  until the engine answered`);
    await tellUp(around, options);
    return await untilEnd(around, machine, stop.requested);
  } finally {
    await machine.stop();
    control.close();
    stop.forget();
  }
}

const statusOf = (machine: Machine): HostStatus => ({
  pid: process.pid,
  mode: 'machine',
  state: machine.state,
  ports: machine.publishedPorts,
});

/** A second `berth up` is content when the first one is. */
async function alreadyUp(around: Surroundings): Promise<boolean> {
  const host = await findHost(around.home);
  if (!host) return false;
  const { state, pid } = await host.call('status', {});
  host.close();
  around.tell(`berth is ${state.status} already (process ${pid})`);
  around.print(`export DOCKER_HOST=${around.home.dockerHost}`);
  return true;
}

/** Proof of life, and what the user needs to know. */
export async function tellUp(around: Surroundings, options: UpOptions): Promise<void> {
  if (options.hello) await tellHello(around);
  around.print(`export DOCKER_HOST=${around.home.dockerHost}`);
  around.tell('(or make a docker context of it: `berth context`)');
  options.whenUp?.();
  void followBackups(around).catch(error => around.tell(`volumes are not backed up: ${messageOf(error)}`));
}

/** Loaded once everything is up: most have no plans. It ends with this program. */
async function followBackups({ home }: Surroundings): Promise<void> {
  const { keepBackups } = await import('../backups/index.ts');
  await keepBackups(home.backups, { socketPath: home.dockerSocket }, new AbortController().signal);
}

/** A failing hello is told and does not end anything: the user can look into it. */
async function tellHello(around: Surroundings): Promise<void> {
  const began = performance.now();
  try {
    const hello = await runHello({ socketPath: around.home.dockerSocket }, helloArchive(around));
    if (!hello) return;
    around.tell(hello.output.trimEnd());
    const ms = seconds(performance.now() - began);
    around.tell(`${ms.padStart(9)}  hello image loaded, run and removed (exit code ${hello.exitCode})`);
  } catch (error) {
    around.tell(`the hello image did not run: ${messageOf(error)}`);
  }
}

async function untilEnd(around: Surroundings, machine: Machine, requested: Promise<void>): Promise<number> {
  const lost = machine.lost;
  const reason = await Promise.race([requested.then(() => 'asked' as const), lost]);
  if (reason === 'asked') {
    around.tell('stopping the machine');
    const began = performance.now();
    await machine.stop();
    around.tell(`${seconds(performance.now() - began).padStart(9)}  stopped`);
    return 0;
  }
  await machine.stop();
  return tellLost(around, reason);
}

function tellLost(around: Surroundings, exit: MachineExit): number {
  around.tell(`the machine has ended: ${exit.reason}`);
  return exit.clean ? 0 : 1;
}

/** Ctrl-C, SIGTERM, a closed terminal, or `berth down`. A second Ctrl-C changes nothing: every step has its deadline. */
export function stopRequests(): { requested: Promise<void>; now(): void; forget(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const now = (): void => resolve();
  for (const signal of signals) process.on(signal, now);
  return {
    requested: promise,
    now,
    forget: () => {
      for (const signal of signals) process.off(signal, now);
    },
  };
}
