import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HookName, RuntimeHook } from '../../contracts/oci/runtime-spec.ts';

/** Where specifications lie; what is in a later folder goes before what is in an earlier one. */
export const cdiFolders: readonly string[] = ['/etc/cdi', '/var/run/cdi'];

/** A document of the Container Device Interface (SPEC.md of cncf-tags/container-device-interface, 0.3 to 1.1). */
export interface CdiSpec {
  cdiVersion: string;
  /** `vendor.com/class`. */
  kind: string;
  devices: { name: string; containerEdits?: CdiEdits }[];
  /** For a container with any of the devices. */
  containerEdits?: CdiEdits;
}

/** What a device asks of a container's runtime specification. */
export interface CdiEdits {
  env?: string[];
  deviceNodes?: CdiDeviceNode[];
  mounts?: { hostPath: string; containerPath: string; options?: string[]; type?: string }[];
  hooks?: ({ hookName: HookName } & RuntimeHook)[];
  additionalGids?: number[];
}

export interface CdiDeviceNode {
  path: string;
  hostPath?: string;
  type?: 'b' | 'c' | 'u' | 'p';
  major?: number;
  minor?: number;
  fileMode?: number;
  /** Letters of `rwm`. */
  permissions?: string;
  uid?: number;
  gid?: number;
}

/** All specifications that can be read, those that count least first; a file that is none is as if it were not there. */
export async function readCdiSpecs(folders: readonly string[] = cdiFolders): Promise<CdiSpec[][]> {
  return Promise.all(
    folders.map(async folder => {
      const files = namesIn(folder).filter(name => /\.(json|ya?ml)$/.test(name));
      const specs = await Promise.all(files.sort().map(name => readSpec(join(folder, name))));
      return specs.filter(spec => spec !== undefined);
    }),
  );
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // most hosts have none
  }
}

async function readSpec(path: string): Promise<CdiSpec | undefined> {
  try {
    const text = readFileSync(path, 'utf8');
    const document: unknown = path.endsWith('.json') ? JSON.parse(text) : (await import('yaml')).parse(text);
    return isSpec(document) ? document : undefined;
  } catch {
    return undefined;
  }
}

function isSpec(document: unknown): document is CdiSpec {
  if (typeof document !== 'object' || document === null) return false;
  const { kind, devices } = document as Partial<CdiSpec>;
  const isNamed = (device: unknown): boolean => typeof (device as { name?: unknown } | null)?.name === 'string';
  return typeof kind === 'string' && /^[^/=]+\/[^/=]+$/.test(kind) && Array.isArray(devices) && devices.every(isNamed);
}
