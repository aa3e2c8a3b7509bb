import type { CgroupLayout } from './mount-plan.ts';

/**
 * Reads `/proc/self/cgroup`: lines of `number:controllers:path`; a hierarchy without controllers is the unified one.
 * A host with both is taken for v1, as its controllers are there. `/proc/self/mountinfo` tells how it is mounted. cgroups(7)
 */
export function parseCgroupLayout(text: string, mountinfo = ''): CgroupLayout {
  const hierarchies = text
    .split('\n')
    .map(line => line.split(':')[1])
    .filter(controllers => controllers !== undefined && controllers !== '')
    .map((controllers = '') => toHierarchy(controllers));
  if (hierarchies.length > 0) return { version: 1, hierarchies };
  const cheapMoves = / - cgroup2 .*\bfavordynmods\b/.test(mountinfo);
  return { version: 2, ...(cheapMoves ? { cheapMoves } : {}) };
}

function toHierarchy(controllers: string): { folder: string; options: string[] } {
  if (!controllers.startsWith('name=')) return { folder: controllers, options: controllers.split(',') };
  return { folder: controllers.slice('name='.length), options: ['none', controllers] };
}
