import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { conflict, invalidArgument } from '../../contracts/errors.ts';
import { acquireLock } from '../machine/index.ts';
import { down } from './down.ts';
import { isSure } from './sure.ts';
import type { Surroundings } from './surroundings.ts';

/** Declares `berth reset`. */
export function addReset(program: Command, around: Surroundings): void {
  program
    .command('reset')
    .description(
      'begin anew: remove all containers, images, volumes, networks and builds; settings and the machine image stay',
    )
    .option('-y, --yes', 'do not ask')
    .action(async ({ yes }: { yes?: true }) => {
      const all = 'all containers, images and volumes';
      if (!yes && !(await isSure(`Remove ${all} of ${around.home.folder}?`, all)))
        throw invalidArgument('nothing was removed');
      await reset(around);
    });
}

/** Ends what runs and removes what it kept. @throws conflict, before anything is removed, when something of it is in use */
export async function reset(around: Surroundings): Promise<void> {
  const { home } = around;
  if (!existsSync(home.machine)) return around.tell('there is nothing to remove');
  await down(around);
  const lock = await acquireLock(home.machine);
  try {
    // a mount below would lead the removal out of our own folder
    const [mount] = mountsBelow(home.native);
    if (mount !== undefined) throw conflict(`${mount} is mounted: containers of this engine still run`);
    // where the lock is a file, it is the one that stays
    for (const name of readdirSync(home.machine).filter(each => each !== 'lock'))
      rmSync(join(home.machine, name), { recursive: true, force: true });
    rmSync(home.native, { recursive: true, force: true });
  } finally {
    await lock.release();
  }
  return around.tell('everything was removed; `berth up` begins anew');
}

/** Where something is mounted in a folder, as the kernel of Linux tells it. */
export function mountsBelow(folder: string, mounts = '/proc/self/mountinfo'): string[] {
  if (!existsSync(mounts)) return [];
  const places = readFileSync(mounts, 'utf8')
    .split('\n')
    .map(line => line.split(' ')[4] ?? '');
  const plain = places.map(place =>
    place.replace(/\\(\d{3})/g, (_whole, code: string) => String.fromCharCode(Number.parseInt(code, 8))),
  );
  return plain.filter(place => place === folder || place.startsWith(`${folder}/`));
}
