import { closeSync, constants, openSync, rmSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { pidfdOpen, pidfdSendSignal } from '../syscalls/process.ts';
import { type ContainerStore, type SavedContainer, startTimeOf } from './container-store.ts';
import { fail } from './failure.ts';
import { runHooks, runLastHooks } from './hooks.ts';
import { report } from './report.ts';
import { cgroupOf, type Status, stateDocument, statusOf } from './status.ts';

const SIGKILL = 9;
const patienceMs = 10_000;

/** Opens the gate, and tells the hooks. @throws RuntimeFailure when the container does not wait behind one */
export async function startContainer(container: SavedContainer, store: ContainerStore): Promise<void> {
  const status = statusOf(container, store);
  if (status === 'stopped') throw fail('cannot start a container that has stopped');
  if (status !== 'created') throw fail('cannot start an already running container');
  const gate = openGate(store.gate(container.id));
  const { hooks } = container.config;
  try {
    if (hooks?.poststart?.length) await lastReaderGone(gate);
    runHooks(hooks, 'poststart', stateDocument(container, 'running', container.pid));
  } catch (error) {
    signalProcess(container, SIGKILL);
    throw error;
  } finally {
    closeSync(gate);
  }
}

function openGate(path: string): number {
  const gate = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  rmSync(path); // from now on it counts as started
  writeSync(gate, '.');
  return gate;
}

/** The container's side is closed by execve: poststart hooks are for a program that runs. fifo(7) */
async function lastReaderGone(gate: number): Promise<void> {
  for (;;) {
    try {
      writeSync(gate, '.');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') return;
      if (code !== 'EAGAIN') throw error;
    }
    await sleep(1);
  }
}

/** Through a pidfd, so that it is never another's pid. */
function signalProcess({ pid, startTime }: SavedContainer, signal: number): void {
  const pidfd = pidfdOpen(pid);
  try {
    if (startTimeOf(pid) === startTime) pidfdSendSignal(pidfd, signal);
  } finally {
    closeSync(pidfd);
  }
}

/** `all`: everything in its control group, also when the first process has gone. @throws RuntimeFailure */
export function killContainer(
  container: SavedContainer,
  store: ContainerStore,
  { signal, all }: { signal: number; all: boolean },
): void {
  const status = statusOf(container, store);
  if (all) {
    for (const pid of cgroupOf(container).processes()) process.kill(pid, signal);
    return;
  }
  if (status === 'stopped') throw fail('container not running');
  signalProcess(container, signal);
}

/** What holds resources goes; the files of the bundle stay. @throws RuntimeFailure while it runs, unless `force` */
export async function deleteContainer(
  container: SavedContainer,
  store: ContainerStore,
  { force }: { force: boolean },
): Promise<void> {
  const status = statusOf(container, store);
  if (status !== 'stopped') {
    if (!force && status !== 'created') {
      throw fail(`cannot delete container ${container.id} that is not stopped: ${status}`);
    }
    signalProcess(container, SIGKILL);
    await ended(container);
  }
  await cgroupOf(container).remove();
  store.remove(container.id);
  runLastHooks(container.config.hooks, stateDocument(container, 'stopped', 0), error => report('warning', error));
}

async function ended({ pid, startTime }: SavedContainer): Promise<void> {
  for (const until = Date.now() + patienceMs; startTimeOf(pid) === startTime; ) {
    if (Date.now() > until) throw fail('container init still running');
    await sleep(5);
  }
}

/** @throws RuntimeFailure in any other state than `running` */
export async function pauseContainer(container: SavedContainer, store: ContainerStore): Promise<void> {
  expectStatus(container, store, ['running', 'created'], 'container not running or created');
  await cgroupOf(container).freeze();
}

/** @throws RuntimeFailure when it is not paused */
export async function resumeContainer(container: SavedContainer, store: ContainerStore): Promise<void> {
  expectStatus(container, store, ['paused'], 'container not paused');
  await cgroupOf(container).thaw();
}

function expectStatus(container: SavedContainer, store: ContainerStore, wanted: Status[], message: string): void {
  if (!wanted.includes(statusOf(container, store))) throw fail(message);
}
