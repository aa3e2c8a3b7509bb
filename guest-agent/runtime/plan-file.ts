import { existsSync, readFileSync } from 'node:fs';
import type { LaunchStep } from '../keeper/protocol.ts';
import { parseCgroupLayout } from './cgroup-layout.ts';
import type { PlanContext } from './launch-plan.ts';

/** As the child reads it: the steps in one line of JSON, then the bytes of the filter. */
export const planBytes = (steps: LaunchStep[], filter: Buffer = Buffer.alloc(0)): Buffer =>
  Buffer.concat([Buffer.from(`${JSON.stringify(steps)}\n`), filter]);

/** This host; `mountPoint` is an existing directory, on which the root is mounted in the container's own namespace. */
export function planContext(mountPoint: string): PlanContext {
  const about = (name: string): string => readFileSync(`/proc/self/${name}`, 'utf8');
  const cgroups = parseCgroupLayout(about('cgroup'), about('mountinfo'));
  return { cgroups, mountPoint, hasKcore: existsSync('/proc/kcore') };
}
