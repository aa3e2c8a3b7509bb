/** A mounted tree of cgroup v1 with its controllers: often one, sometimes two (`cpu,cpuacct`), or a bare name. */
export interface Hierarchy {
  mountPoint: string;
  controllers: string[];
}

const mountFlags = new Set(['rw', 'ro', 'xattr', 'noprefix', 'clone_children', 'cpuset_v2_mode', 'none']);
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** The v1 hierarchies under `root`, from the text of `/proc/self/mountinfo` (proc_pid_mountinfo(5)). */
export function findHierarchies(mountinfo: string, root: string): Hierarchy[] {
  const found: Hierarchy[] = [];
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const mountPoint = unescaped(before.split(' ')[4] ?? '');
    const [type, , options = ''] = after.split(' ');
    if (type !== 'cgroup' || !mountPoint.startsWith(`${root}/`)) continue;
    const controllers = options.split(',').filter(option => !mountFlags.has(option) && !/^release_agent=/.test(option));
    if (!found.some(other => other.controllers.join() === controllers.join())) found.push({ mountPoint, controllers });
  }
  return found;
}
