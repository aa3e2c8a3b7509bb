import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { appArmorProfileText } from '../guest-agent/runtime/apparmor-profile.ts';

/**
 * Compiles the AppArmor profile into the file that the engine loads from, so that neither a machine nor a host needs the
 * compiler: `compile-apparmor.ts [PARSER [ABI]]`, by default those of Debian's package `apparmor`. To be run whenever the
 * profile has changed; a unit test tells.
 */
const [parser = 'apparmor_parser', abi = '/etc/apparmor.d/abi/3.0'] = process.argv.slice(2);
const target = join(dirname(import.meta.dirname), 'guest-agent/runtime/apparmor-compiled.ts');
const work = mkdtempSync(join(tmpdir(), 'berth-apparmor-'));
const [source, output] = [join(work, 'profile'), join(work, 'policy')];
writeFileSync(source, appArmorProfileText);
// The features are those of the given version, not of the kernel that happens to run here.
const features = ['--config-file=/dev/null', `--features-file=${abi}`, `--policy-features=${abi}`];
execFileSync(parser, [...features, '--skip-kernel-load', '--skip-cache', `--ofile=${output}`, source]);
const sourceDigest = createHash('sha256').update(appArmorProfileText).digest('hex');
const policy = gzipSync(readFileSync(output), { level: 9 }).toString('base64');
rmSync(work, { recursive: true });
const lines = policy.match(/.{1,110}/g) ?? [];
writeFileSync(
  target,
  `/** Written by scripts/compile-apparmor.ts: the profile as the kernel takes it, gzipped; and the digest of its text. */
export const compiledProfile = {
  sourceDigest: '${sourceDigest}',
  policy: \`
${lines.join('\n')}\`,
};
`,
);
