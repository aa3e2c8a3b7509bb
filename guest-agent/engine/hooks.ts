import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { internal } from '../../contracts/errors.ts';
import type { HookName, RuntimeSpec } from '../../contracts/oci/runtime-spec.ts';
import type { Lifecycle } from '../runtime/index.ts';

/** The child of a launch runs these itself, where it is. */
const inside: readonly string[] = ['createContainer', 'startContainer'] satisfies HookName[];

/**
 * What the hooks of a CDI device read: a state document, and a bundle with a config.json that tells them the root's place
 * in the container's mount namespace. @throws internal for hooks that are to be run outside, which the engine does not
 */
export function lifecycleFor(id: string, spec: RuntimeSpec, places: { bundle: string; root: string }): Lifecycle {
  const outside = Object.keys(spec.hooks ?? {}).find(name => !inside.includes(name));
  if (outside) throw internal(`CDI device injection failed: ${outside} hooks are run by berth-runtime only`);
  const config = { ...spec, root: { ...spec.root, path: places.root } };
  writeFileSync(join(places.bundle, 'config.json'), JSON.stringify(config), { mode: 0o600 });
  const { ociVersion, annotations } = spec;
  const state = { ociVersion, id, status: 'creating', bundle: places.bundle };
  return { state: annotations ? { ...state, annotations } : state };
}
