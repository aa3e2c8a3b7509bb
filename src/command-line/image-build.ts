import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { unavailable } from '../../contracts/errors.ts';
import type { Arch } from '../machine/index.ts';
import type { Surroundings } from './surroundings.ts';
import { ensurePackages, missingForImage } from './system-packages.ts';

/** Builds the machine image into the home, as a program of its own; its progress goes to the user. @throws unavailable */
export async function buildImage(around: Surroundings, arch: Arch = around.arch): Promise<void> {
  const { home, project } = around;
  await ensurePackages(missingForImage(around, arch), around);
  const program = join(project, 'vm-image', 'build.ts');
  if (!existsSync(program))
    throw unavailable('This Berth brings no image builder: get a machine image from its release page');
  around.tell(`building the machine image (${arch}) into ${join(home.images, arch)}`);
  const args = [program, '--arch', arch, '--output', join(home.images, arch), '--cache', home.cache];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 2, 2], cwd: project });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw unavailable('The machine image could not be built: the lines above say why');
}
