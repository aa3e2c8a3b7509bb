import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { internal } from '../../contracts/errors.ts';
import { compiledProfile } from './apparmor-compiled.ts';
import { defaultAppArmorProfile } from './apparmor-profile.ts';

const interfaceFolder = '/sys/kernel/security/apparmor';

let enabled: boolean | undefined;

/** The kernel confines programs by AppArmor, and lets us say how. */
export function appArmorEnabled(): boolean {
  enabled ??= existsSync(interfaceFolder) && readText('/sys/module/apparmor/parameters/enabled').startsWith('Y');
  return enabled;
}

const readText = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

/**
 * Gives the kernel our profile unless it has one of that name, which may be its administrator's own. Asked before each
 * launch, as dockerd does: other programs unload what they do not know. The policy is compiled already, for an old
 * version of the interface that all kernels since 4.17 accept, so no parser is needed.
 * @throws internal in Docker's words: a container must not run without what it is shown to have
 */
export function ensureDefaultProfile(): void {
  if (!appArmorEnabled()) return;
  const loaded = readFileSync(`${interfaceFolder}/profiles`, 'utf8').split('\n');
  if (loaded.some(line => line.startsWith(`${defaultAppArmorProfile} (`))) return;
  try {
    writeFileSync(`${interfaceFolder}/.replace`, gunzipSync(Buffer.from(compiledProfile.policy, 'base64')));
  } catch (cause) {
    throw internal(
      `AppArmor enabled on system but the ${defaultAppArmorProfile} profile could not be loaded: ${String(cause)}`,
      { cause },
    );
  }
}
