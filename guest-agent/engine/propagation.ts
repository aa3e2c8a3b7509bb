import { readFileSync, realpathSync } from 'node:fs';
import { internal } from '../../contracts/errors.ts';

/** A mount of the host and who learns of what is mounted below it. */
interface HostMount {
  point: string;
  shared: boolean;
  slave: boolean;
}

/**
 * What is mounted later can only pass through a mount that takes part. @throws internal in Docker's words
 */
export function checkPropagation(source: string, propagation: string): void {
  if (!/^r?(shared|slave)$/.test(propagation)) return;
  const fault = propagationFault(source, propagation, readFileSync('/proc/self/mountinfo', 'utf8'));
  if (fault) throw internal(fault);
}

/** `mountinfo` as in proc_pid_mountinfo(5). Pure but for the links in `source`. */
export function propagationFault(source: string, propagation: string, mountinfo: string): string | undefined {
  const path = resolved(source);
  const mounts = mountinfo.split('\n').flatMap(line => parseLine(line) ?? []);
  // The last one that covers it is on top.
  const above = mounts
    .filter(({ point }) => point === '/' || path === point || path.startsWith(`${point}/`))
    .reduce((deepest, mount) => (mount.point.length >= deepest.point.length ? mount : deepest), nowhere);
  const isShared = propagation.endsWith('shared');
  if (above.shared || (!isShared && above.slave)) return undefined;
  const wanted = isShared ? 'a shared' : 'a shared or slave';
  return `path ${source} is mounted on ${above.point} but it is not ${wanted} mount`;
}

const nowhere: HostMount = { point: '', shared: false, slave: false };

function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function parseLine(line: string): HostMount | undefined {
  const [before = ''] = line.split(' - ');
  const [, , , , point, , ...optional] = before.split(' ');
  if (point === undefined) return undefined;
  return {
    point: point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    shared: optional.some(field => field.startsWith('shared:')),
    slave: optional.some(field => field.startsWith('master:')),
  };
}
