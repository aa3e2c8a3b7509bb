import { existsSync, readFileSync } from 'node:fs';
import { type LaunchStep, type StartMessage, stepSeparator } from '../keeper/protocol.ts';
import { parseCgroupLayout } from './cgroup-layout.ts';
import type { PlanContext } from './launch-plan.ts';

/** As the child reads it: see {@link StartMessage.plan}. */
export function planBytes(steps: LaunchStep[], filter: Buffer = Buffer.alloc(0)): Buffer {
  const texts = steps.map(step => JSON.stringify(step));
  return Buffer.concat([Buffer.from(`[${texts.join(stepSeparator)}]\n`), filter]);
}

/** This host; `mountPoint` is an existing directory, on which the root is mounted in the container's own namespace. */
export function planContext(mountPoint: string): PlanContext {
  const about = (name: string): string => readFileSync(`/proc/self/${name}`, 'utf8');
  const cgroups = parseCgroupLayout(about('cgroup'), about('mountinfo'));
  return { cgroups, mountPoint, hasKcore: existsSync('/proc/kcore') };
}
