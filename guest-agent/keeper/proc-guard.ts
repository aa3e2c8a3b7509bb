import { isProc } from '../syscalls/filesystem-type.ts';
import type { BindStep } from './protocol.ts';

/** What may be covered, one by one: files that tell about the machine, for programs that shall see less of it. As in runc. */
const coverable = new Set(
  'cpuinfo diskstats meminfo stat swaps uptime loadavg slabinfo net/dev sys/kernel/ns_last_pid sys/crypto/fips_enabled'
    .split(' ')
    .map(name => `/proc/${name}`),
);

/** Told instead of an errno. */
export const procMountCode = 'EPROCMOUNT';

/**
 * Something else in the place of proc, or inside, would tell the container's programs lies about themselves, such as
 * that a label has been put on them (CVE-2019-16884, CVE-2019-19921). `target` is what the path led to.
 */
export function assertOutsideProc(step: BindStep, mount: number, target: number): void {
  const path = `/${step.target.split('/').filter(Boolean).join('/')}`;
  const isWhole = path === '/proc';
  if (!isWhole && (!isProc(target) || coverable.has(path))) return;
  if (isWhole && isProc(mount)) return;
  const reason = isWhole ? 'it is not of type proc' : 'it is inside /proc';
  const subject = `error mounting "${step.source}" to rootfs at "${path}": "${path}" cannot be mounted because ${reason}`;
  throw Object.assign(new Error(subject), { code: procMountCode, path: subject });
}
