import { existsSync, mkdirSync } from 'node:fs';
import { notFound } from '../../contracts/errors.ts';
import { examine, type Finding } from '../diagnostics/index.ts';
import { dockerVersion } from '../integration/index.ts';
import { filesIn, findAccelerator, findQemuProgram, openQemu, readImage } from '../machine/index.ts';
import { imageFolder, type Surroundings } from './surroundings.ts';
import { installCommand, missingForMachine } from './system-packages.ts';

/** `berth doctor`. Returns the findings; {@link doctorLines} shows them. */
export function doctor(around: Surroundings): Promise<Finding[]> {
  const { arch, env, home } = around;
  const { packages } = missingForMachine(around);
  return examine({
    home: home.folder,
    dockerSocket: home.dockerSocket,
    installQemu: installCommand(packages.length > 0 ? packages : ['qemu-system-x86']),
    qemu: () => openQemu(arch, env),
    accelerator: () => probeAgain(around),
    image: () => describeImage(around),
    dockerVersion: () => dockerVersion(env),
  });
}

async function probeAgain({ arch, env, home }: Surroundings): ReturnType<typeof findAccelerator> {
  const program = findQemuProgram(arch, env);
  if (!program) throw notFound('QEMU is not installed');
  mkdirSync(home.machine, { recursive: true, mode: 0o700 });
  return findAccelerator({ arch, env, program, file: filesIn(home.machine).verdict, fresh: true });
}

function describeImage(around: Surroundings): string | undefined {
  if (!existsSync(imageFolder(around))) return undefined;
  const { manifest } = readImage(imageFolder(around), around.arch);
  return `Linux ${manifest.kernel}, ${manifest.digest.slice(0, 12)}`;
}

const marks: Record<Finding['outcome'], string> = { good: 'ok', warning: 'warning', problem: 'PROBLEM', skipped: '-' };

export function doctorLines(findings: Finding[]): string[] {
  return findings.flatMap(({ check, outcome, detail, cause, repair }) => [
    `${marks[outcome].padEnd(8)} ${check}: ${detail}`,
    ...(cause ? [`         cause: ${cause}`] : []),
    ...(repair ? [`         repair: ${repair}`] : []),
  ]);
}
