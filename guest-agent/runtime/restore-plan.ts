import { join } from 'node:path';
import { firstOffered, type LaunchStep } from '../keeper/protocol.ts';
import { capabilityNames } from '../syscalls/identity.ts';
import { CLONE_NEWNS } from '../syscalls/namespace-flags.ts';
import type { LaunchRequest } from './contract.ts';
import { birthplace, keyringOf, type LaunchPlan, mountedRoot, type PlanContext, processSteps } from './launch-plan.ts';
import { networkKey, type OfferedStream, type SavedProcess } from './saved-process.ts';

export interface RestoreFacts {
  /** The program. */
  criu: string;
  /** What it finds its own helpers by. */
  path: string;
  saved: SavedProcess;
  /** A folder of this run: it has the empty folder `root`. */
  work: string;
}

type Offer = Extract<LaunchStep, { op: 'offer' }>['files'][number] & { key: string };

/**
 * A container comes back from a checkpoint: the child mounts as for a launch, in a namespace that goes with it, joins the
 * cgroup, and becomes CRIU, which makes the processes anew, takes from there what is not its own, and leaves the first of
 * them to the keeper. Pure.
 */
export function restorePlan(request: LaunchRequest, facts: RestoreFacts, context: PlanContext): LaunchPlan {
  const { spec, cgroup, checkpoint = '' } = request;
  const { saved, work, criu, path } = facts;
  const root = join(work, 'root');
  const offers = offersOf(request, saved);
  const masked = new Set(saved.mounts);
  const args = [
    ...[criu, 'restore', '--images-dir', checkpoint, '--work-dir', work, '-v4', '--log-file', 'restore.log'],
    ...['--root', root, '--restore-detached', '--restore-sibling', '--pidfile', pidFile(work)],
    ...['--manage-cgroups=ignore'],
    ...saved.mounts.flatMap(point => ['--external', `mnt[${point}]:${join(context.mountPoint, point)}`]),
    ...offers.flatMap(({ key }, index) => ['--inherit-fd', `fd[${firstOffered + index}]:${key}`]),
  ];
  return {
    cloneFlags: CLONE_NEWNS,
    ...birthplace(cgroup),
    successor: pidFile(work),
    steps: [
      { op: 'stdio', stdin: null, stdout: null, stderr: join(work, 'criu.err'), uid: 0 },
      { op: 'oomScore', value: 0 },
      { op: 'newSession', keyring: keyringOf(request.id), first: true },
      ...mountedRoot(request, context),
      ...(spec.linux.maskedPaths ?? [])
        .filter(point => masked.has(point))
        .map(point => ({ op: 'mask', path: point }) as const),
      { op: 'copyRoot', source: context.mountPoint, target: root },
      { op: 'offer', files: offers.map(({ path: file, mode }) => ({ path: file, mode })) },
      ...processSteps({
        user: { uid: 0, gid: 0 },
        args,
        env: [`PATH=${path}`],
        cwd: '/',
        capabilities: { bounding: allOfThem, permitted: allOfThem, effective: allOfThem },
      }),
    ],
  };
}

const allOfThem = [...capabilityNames];

const pidFile = (work: string): string => join(work, 'restored.pid');

function offersOf({ spec, stdio }: LaunchRequest, saved: SavedProcess): Offer[] {
  const network = spec.linux.namespaces.find(({ type }) => type === 'network')?.path;
  const paths: { [Stream in OfferedStream]: string | null } = {
    ...(stdio.terminal ? { stdin: null, stdout: null, stderr: null } : stdio),
    null: null,
  };
  return [
    ...(network && saved.hasNetwork ? [{ key: networkKey, path: network, mode: 'r' } as const] : []),
    ...saved.files.map(
      ({ key, stream }) => ({ key, path: paths[stream], mode: stream === 'stdin' ? 'r' : 'w' }) as const,
    ),
  ];
}
