import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { compiledProfile } from '../../../../guest-agent/runtime/apparmor-compiled.ts';
import { appArmorProfileText, otherNames } from '../../../../guest-agent/runtime/apparmor-profile.ts';

/** A pattern of one name, as a regular expression. */
const matches = (pattern: string, name: string): boolean =>
  new RegExp(`^${pattern.replace(/\*/g, '[^/]*')}$`).test(name);

it('says "all names but one" in patterns', () => {
  const patterns = otherNames('sys', '1-9');
  const other = (name: string): boolean => patterns.some(pattern => matches(pattern, name));
  expect(['s', 'sy', 'sysvipc', 'syx', 'acpi', 'fs', 'xsys', 'sysrq-trigger'].filter(name => !other(name))).toEqual([]);
  expect(['sys', '1', '4711'].filter(other)).toEqual([]);
});

it('is compiled from the text as it is: scripts/compile-apparmor.ts', () => {
  expect(compiledProfile.sourceDigest).toBe(createHash('sha256').update(appArmorProfileText).digest('hex'));
  expect(gunzipSync(Buffer.from(compiledProfile.policy, 'base64')).toString('latin1')).toContain('docker-default');
});
