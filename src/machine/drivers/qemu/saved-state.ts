import { createHash } from 'node:crypto';
import { readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { unavailable } from '../../../../contracts/errors.ts';
import type { Accelerator, Qemu, QemuVersion } from './qemu.ts';
import type { Qmp } from './qmp.ts';

const prefix = 'sleeping-';
/** `migrate-set-parameters` takes bytes in a second; QEMU's own 128 MiB are meant for a network. */
const bandwidth = 2 ** 40;
const pollMs = 20;

/**
 * Where the state of a sleeping machine is kept, or undefined where QEMU cannot: accelerators whose processors it does not
 * save, and hosts without a shell before it could write files itself (8.2). The name is a digest of all that the
 * state depends on: a machine of anything else finds no file.
 */
export function stateFile(
  folder: string,
  { accelerator, qemu }: { accelerator: Accelerator; qemu: Qemu },
  dependsOn: unknown,
): string | undefined {
  const able =
    (accelerator === 'tcg' || accelerator === 'kvm') && (process.platform !== 'win32' || ownFiles(qemu.version));
  if (!able) return undefined;
  const digest = createHash('sha256').update(JSON.stringify(dependsOn)).digest('hex').slice(0, 32);
  return join(folder, `${prefix}${digest}`);
}

/** `-incoming` of QEMU for a state that {@link saveState} wrote. */
export const incoming = (file: string, version: QemuVersion): string =>
  ownFiles(version) ? `file:${file}` : `exec:cat ${quoted(file)}`;

const outgoing = (file: string, version: QemuVersion): string =>
  ownFiles(version) ? `file:${file}` : `exec:cat >${quoted(file)}`;

const ownFiles = ({ major, minor }: QemuVersion): boolean => major > 8 || (major === 8 && minor >= 2);

const quoted = (path: string): string => `'${path.replaceAll("'", "'\\''")}'`;

/**
 * Writes the state of a machine into `file`, whole or not at all even when the power fails, and lets the machine go on.
 * It holds the guest's keys: only this user may read it. @throws unavailable with QEMU's words
 */
export async function saveState(qmp: Qmp, file: string, version: QemuVersion): Promise<void> {
  const part = `${file}.part`;
  await qmp.execute('stop');
  try {
    writeFileSync(part, '', { mode: 0o600 });
    await qmp.execute('migrate-set-parameters', { 'max-bandwidth': bandwidth });
    await qmp.execute('migrate', { uri: outgoing(part, version) });
    await migrated(qmp);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  } finally {
    await qmp.execute('cont');
  }
  await synchronised(part);
  renameSync(part, file);
}

async function migrated(qmp: Qmp): Promise<void> {
  for (;;) {
    const { status, 'error-desc': reason } = await qmp.execute('query-migrate');
    if (status === 'completed') return;
    if (status === 'failed' || status === 'cancelled') throw unavailable(reason ?? `the migration has ${status}`);
    await delay(pollMs);
  }
}

async function synchronised(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Waits until a QEMU that was given `-incoming` has read it, and lets it run. One that cannot ends. @throws unavailable */
export async function resume(qmp: Qmp): Promise<void> {
  while ((await qmp.execute('query-status')).status === 'inmigrate') await delay(5);
  await qmp.execute('cont'); // it was stopped when it was saved
}

/** Removes what is kept in the folder, but for `file`: other images, other settings, writings that were cut off. */
export function forgetOthers(folder: string, file?: string): void {
  for (const name of readdirSync(folder)) {
    if (name.startsWith(prefix) && (!file || name !== basename(file))) rmSync(join(folder, name), { force: true });
  }
}
