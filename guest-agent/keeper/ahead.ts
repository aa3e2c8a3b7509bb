import { closeFd } from '../syscalls/file.ts';
import { cloneTree, newFilesystem } from '../syscalls/mount.ts';
import {
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_STRICTATIME,
} from '../syscalls/mount-flags.ts';
import { unshare } from '../syscalls/namespace.ts';
import { CLONE_NEWNS } from '../syscalls/namespace-flags.ts';
import type { Child } from './child.ts';
import { perform } from './perform.ts';
import { type LaunchStep, propagationStep, type RootStep } from './protocol.ts';

/** The step that made a tree of mounts and those that furnished it, as they stand in a plan. */
interface Tree {
  own: string;
  furnished: readonly string[];
}

/** The name of the failure of a child whose plan does not go on as it has begun: another can do it from the start. */
export const begunOtherwise = 'begin';

/** What a child has made before its order came. */
export interface Ahead {
  /** A tmpfs below which the trees are mounted; itself nowhere, until the launch puts it where it goes with the host's mounts. */
  readonly root: number;
  /** By the path that they are to be mounted on. */
  readonly trees: Map<string, Tree>;
  /** All that furnished them, and what else was done, once it {@link begin}s. */
  readonly done: Set<string>;
}

const plain = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

const mount = (type: string, target: string, options: string[], attributes: number, source = type): LaunchStep => ({
  op: 'mount',
  type,
  source,
  target,
  options,
  attributes,
});

const device = (name: string, major: number, minor: number): LaunchStep => ({
  op: 'device',
  path: `/dev/${name}`,
  mode: 0o20666,
  major,
  minor,
  uid: 0,
  gid: 0,
});

const symlink = (name: string, target: string): LaunchStep => ({ op: 'symlink', path: `/dev/${name}`, target });

const readonlyInProc = 'bus fs irq sys sysrq-trigger'.split(' ');
const maskedInProc = 'acpi asound interrupts kcore keys latency_stats sched_debug scsi timer_list timer_stats'.split(
  ' ',
);

/** What nearly every container has in `/proc` and `/dev`, in the plan's own words: a plan of other words makes its own. */
export const usualSteps: Readonly<Record<string, readonly LaunchStep[]>> = {
  '/proc': [
    mount('proc', '/proc', [], plain),
    ...readonlyInProc.map((name): LaunchStep => ({ op: 'readonlyPath', path: `/proc/${name}` })),
    ...maskedInProc.map((name): LaunchStep => ({ op: 'mask', path: `/proc/${name}` })),
  ],
  '/dev': [
    mount('tmpfs', '/dev', ['mode=755', 'size=65536k'], MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME),
    mount('devpts', '/dev/pts', ['newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'], plain & ~MOUNT_ATTR_NODEV),
    mount('mqueue', '/dev/mqueue', [], plain),
    mount('tmpfs', '/dev/shm', ['mode=1777', 'size=67108864'], plain, 'shm'),
    ...[device('null', 1, 3), device('zero', 1, 5), device('full', 1, 7), device('random', 1, 8)],
    ...[device('urandom', 1, 9), device('tty', 5, 0)],
    ...[symlink('fd', '/proc/self/fd'), symlink('ptmx', 'pts/ptmx')],
    ...['stdin', 'stdout', 'stderr'].map((name, fd) => symlink(name, `/proc/self/fd/${fd}`)),
  ],
};

/** Steps that write below `/proc` before it is covered, and those that make mounts another user's. */
const needsBare = new Set<LaunchStep['op']>(['sysctls', 'hooks', 'hold', 'userNamespace']);
/** Those of them that come before the host's mounts are left alone. */
const beforeRoot = new Set<LaunchStep['op']>(['hold', 'userNamespace']);

/**
 * Makes the usual trees, in the child's own PID and IPC namespaces, to which `proc` and `mqueue` belong. Before Linux 6.15
 * nothing can be mounted on what is not mounted itself: then there are none.
 */
export function makeAhead(child: Child): Ahead | undefined {
  const scratch: Child = { ...child, root: newFilesystem('tmpfs', []), warn: () => undefined };
  const trees = new Map<string, Tree>();
  for (const [path, steps] of Object.entries(usualSteps)) {
    const failed = steps.filter(step => !succeeds(() => perform(scratch, step)));
    if (failed.length > 0) continue; // then the launch does it itself, and says what is wrong
    const [own = '', ...furnished] = steps.map(step => JSON.stringify(step));
    trees.set(path, { own, furnished });
  }
  const done = new Set([...trees.values()].flatMap(({ furnished }) => furnished));
  if (trees.size > 0) return { root: scratch.root, trees, done };
  closeFd(scratch.root);
  return undefined;
}

function succeeds(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}

/** Takes the first steps towards a container with this root, in a mount namespace of its own, as nearly every plan has them. */
export function begin(child: Child, root: RootStep): void {
  unshare(CLONE_NEWNS);
  const steps = [propagationStep, root];
  for (const step of steps) perform(child, step);
  child.begun = steps.map(step => JSON.stringify(step));
  for (const text of child.begun) child.ahead?.done.add(text);
}

/**
 * The steps that are left of a plan that wants all that is done, as nearly every one does: then each text is looked up
 * once. Nothing comes back for other plans.
 */
export function usualStepsLeft({ ahead }: Child, texts: readonly string[]): LaunchStep[] | undefined {
  if (!ahead) return undefined;
  const left = texts.filter(text => !ahead.done.has(text));
  if (texts.length - left.length !== ahead.done.size) return undefined;
  for (const { own } of ahead.trees.values()) if (!left.includes(own)) return undefined;
  const steps = JSON.parse(`[${left.join()}]`) as LaunchStep[];
  return steps.some(step => needsBare.has(step.op)) ? undefined : steps;
}

/**
 * A plan's steps from their texts; undefined are those that are done. Trees that it does not want are forgotten. Nothing
 * comes back when it does not begin as it was begun.
 */
export function stepsLeft({ ahead, begun }: Child, texts: readonly string[]): (LaunchStep | undefined)[] | undefined {
  const trees = ahead?.trees ?? new Map<string, Tree>();
  const asked = new Set(texts);
  if (begun.some(text => !asked.has(text))) return undefined;
  for (const [path, { own, furnished }] of trees)
    if (!asked.has(own) || !furnished.every(text => asked.has(text))) trees.delete(path);
  const furnished = [...trees.values()].flatMap(tree => tree.furnished);
  const steps = parseBut(texts, new Set([...furnished, ...begun]));
  if (!steps.some(step => step && needsBare.has(step.op))) return steps;
  if (begun.length > 0 && steps.some(step => step && beforeRoot.has(step.op))) return undefined;
  trees.clear();
  return parseBut(texts, new Set(begun));
}

/** All at once: so much text costs less than so many calls. */
function parseBut(texts: readonly string[], done: ReadonlySet<string>): (LaunchStep | undefined)[] {
  const left = JSON.parse(`[${texts.filter(text => !done.has(text)).join()}]`) as LaunchStep[];
  let next = 0;
  return done.size === 0 ? left : texts.map(text => (done.has(text) ? undefined : left[next++]));
}

/** The tmpfs, when the plan wants something below it: closed unmounted it would keep the program waiting until it is taken down. */
export const rootOfAhead = ({ ahead }: Child): number | undefined => (ahead?.trees.size ? ahead.root : undefined);

/** A copy, for mounts are shown in the order in which they were made, and the root is looked for in the first place. */
export const copyAhead = ({ ahead }: Child, path: string): number | undefined =>
  ahead?.trees.has(path) ? cloneTree(ahead.root, path.slice(1), true) : undefined;
