import { readFileSync } from 'node:fs';
import type { ImageConfig, Platform } from '../../contracts/oci/image-spec.ts';
import { formatPlatform, ownPlatform, suitability } from '../images/index.ts';

/** Flags of /proc/cpuinfo that make a processor of that level, beside those of the levels before (x86-64 psABI, 3.1.1). */
const levels = [
  ['v2', 'cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3'],
  ['v3', 'avx avx2 bmi1 bmi2 f16c fma abm movbe xsave'],
  ['v4', 'avx512f avx512bw avx512cd avx512dq avx512vl'],
] as const;

/** The last level all of whose flags, and those of the levels before, are there. */
export function levelOf(flags: ReadonlySet<string>): string | undefined {
  let level: string | undefined;
  for (const [name, wanted] of levels) {
    if (!wanted.split(' ').every(flag => flags.has(flag))) break;
    level = name;
  }
  return level;
}

function hostPlatform(): Platform {
  const own = ownPlatform();
  if (own.architecture === 'arm64') return { ...own, variant: 'v8' };
  if (own.architecture !== 'amd64') return own;
  const [, flags = ''] = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'latin1')) ?? [];
  const variant = levelOf(new Set(flags.trim().split(' ')));
  return variant ? { ...own, variant } : own;
}

/** What dockerd says of an image for another platform that nobody asked for by name. */
export function platformMismatch({ os = 'linux', architecture, variant }: ImageConfig): string[] {
  if (os === 'linux' && architecture === ownPlatform().architecture && !variant) return []; // nearly always
  const host = hostPlatform();
  const image = variant ? { os, architecture, variant } : { os, architecture };
  if (suitability(image, host) > 0) return [];
  return [
    `The requested image's platform (${formatPlatform(image)}) does not match the detected host platform ` +
      `(${formatPlatform(host)}) and no specific platform was requested`,
  ];
}
