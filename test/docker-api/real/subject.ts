import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestEngine } from '../../support/engine.ts';
import { eventually } from '../../support/eventually.ts';
import { busyboxArchive, pythonArchive } from '../../support/images.ts';
import { type Registry, type RegistryOptions, startRegistry } from '../../support/registry.ts';

/** An engine with real input: where it is, and how it and its containers reach this host. */
export interface Subject {
  engine: TestEngine;
  place: 'native' | 'machine';
  /** This host as the engine names it, such as for a registry. */
  hostForEngine: string;
  /** This host's address as containers see it. */
  hostForContainers: string;
  /** Where a server on this host listens for them. */
  listenOn: string;
}

/** What the tests of one engine share. */
export interface Stage extends Subject {
  /** The registry with `busybox` and `debian-python`. */
  registry: Registry;
  busybox: string;
  python: string;
  /** A folder of the host for what is copied in and out. */
  work: string;
  close(): Promise<void>;
}

/** Ports of registries that must be known before the engine starts (it is told which are insecure). */
export interface RegistryPorts {
  open: number;
  locked: number;
  hostile: number;
}

export const user = { name: 'anna', password: 'a b:c$' };

export async function setStage(subject: Subject, ports: RegistryPorts): Promise<Stage> {
  const registry = await startRegistry([], { port: ports.open });
  await registry.push(await busyboxArchive(), 'busybox');
  await registry.push(await pythonArchive(), 'debian-python');
  const work = await mkdtemp(join(tmpdir(), 'berth-real-'));
  const repository = (name: string): string => `${subject.hostForEngine}:${registry.port}/${name}`;
  return {
    ...subject,
    registry,
    busybox: repository('busybox'),
    python: repository('debian-python'),
    work,
    close: async () => {
      await registry.stop();
      await rm(work, { recursive: true, force: true });
    },
  };
}

/** A registry that lets only {@link user} in, with busybox in it. */
export async function startLockedRegistry(ports: RegistryPorts): Promise<Registry> {
  const options: RegistryOptions = { port: ports.locked, user };
  const registry = await startRegistry([], options);
  await registry.push(await busyboxArchive(), 'busybox');
  return registry;
}

/** {@link eventually} with the patience that an emulated machine needs. */
export const until = <T>(what: string, probe: () => T | Promise<T>): Promise<NonNullable<T>> =>
  eventually(what, probe, 90_000);

/** Removes every container. */
export async function removeAll({ engine }: Subject): Promise<void> {
  const left = (await engine.docker('ps', '-aq')).split('\n').filter(Boolean);
  if (left.length > 0) await engine.docker('rm', '-f', '-v', ...left);
}
