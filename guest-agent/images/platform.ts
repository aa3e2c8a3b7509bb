import { own } from '../../base/own.ts';
import { invalidArgument } from '../../contracts/errors.ts';
import type { Platform } from '../../contracts/oci/image-spec.ts';

const architectures: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  x64: 'amd64',
  aarch64: 'arm64',
  i386: '386',
  i686: '386',
  ia32: '386',
  armhf: 'arm',
  armel: 'arm',
};
const known = ['amd64', 'arm64', 'arm', '386', 'ppc64le', 's390x', 'riscv64', 'mips64le', 'loong64', 'ppc64', 'mips64'];

/** `text` in the words of Go, which OCI uses. */
export const toArchitecture = (text: string): string => own(architectures, text.toLowerCase()) ?? text.toLowerCase();

/** The platform that this process runs on. */
export const ownPlatform = (): Platform => normalise({ os: 'linux', architecture: toArchitecture(process.arch) });

const osComponent = '^([A-Za-z0-9_-]+)(?:\\(([A-Za-z0-9_.%-]*)((?:\\+[A-Za-z0-9_.%-]+)*)\\))?$';
const component = '^[A-Za-z0-9_.-]+$';

/** Reads `linux/arm64/v8`, `linux` or `arm64`; what is not said is `own`'s. @throws invalid-argument in containerd's words. */
export function parsePlatform(text: string, own: Platform): Platform {
  const parts = text.split('/');
  checkParts(text, parts);
  const [first = '', second, variant] = parts.map(part => part.toLowerCase());
  if (second) return normalise({ os: first, architecture: toArchitecture(second), ...(variant ? { variant } : {}) });
  const architecture = toArchitecture(first);
  if (known.includes(architecture)) return normalise({ os: 'linux', architecture });
  if (first !== 'linux' && first !== 'windows' && first !== 'darwin') {
    throw invalidArgument(`${JSON.stringify(text)}: unknown operating system or architecture: invalid argument`);
  }
  return { ...own, os: first };
}

function checkParts(text: string, parts: readonly string[]): void {
  const whole = JSON.stringify(text);
  if (text.includes('*')) throw invalidArgument(`${whole}: wildcards not yet supported: invalid argument`);
  for (const [position, part] of parts.entries()) {
    const pattern = position === 0 ? osComponent : component;
    if (new RegExp(pattern).test(part)) continue;
    const what = position === 0 ? 'OS component' : 'component';
    const must = position === 0 ? 'OSAndVersion' : 'platform';
    throw invalidArgument(
      `${JSON.stringify(part)} is an invalid ${what} of ${whole}: ${must} specifier component must match ${JSON.stringify(pattern)}: invalid argument`,
    );
  }
  if (parts.length > 3) throw invalidArgument(`${whole}: cannot parse platform specifier: invalid argument`);
}

/** arm without a variant means v7, arm64's only variant is v8 and goes without saying, amd64's v1 too. */
function normalise({ os, architecture, variant }: Platform): Platform {
  if (architecture === 'arm') return { os, architecture, variant: variant ?? 'v7' };
  if (architecture === 'arm64' && variant === 'v8') return { os, architecture };
  if (architecture === 'amd64' && variant === 'v1') return { os, architecture };
  return variant ? { os, architecture, variant } : { os, architecture };
}

/** `linux/arm/v7` */
export const formatPlatform = ({ os, architecture, variant }: Platform): string =>
  [os, architecture, ...(variant ? [variant] : [])].join('/');

/**
 * How well `offer` serves `wanted`: 0 not at all, higher is better. Older variants run on newer processors, and what is
 * for the 32-bit sister of a processor runs on it, as containerd has it.
 */
export function suitability(offer: Platform, wanted: Platform): number {
  const have = normalise({ ...offer, architecture: toArchitecture(offer.architecture) });
  const want = normalise(wanted);
  if (have.os !== want.os) return 0;
  if (have.architecture !== want.architecture) return asSister(have, want);
  if ((have.variant ?? '') === (want.variant ?? '')) return 100;
  const level = levelOf(have.variant);
  return level <= levelOf(want.variant) ? 20 + level : 0;
}

function asSister(have: Platform, want: Platform): number {
  if (want.architecture === 'amd64' && have.architecture === '386') return 1;
  return want.architecture === 'arm64' && have.architecture === 'arm' ? levelOf(have.variant) : 0;
}

const levelOf = (variant: string | undefined): number => (variant ? Number(variant.replace(/^v/, '')) || 99 : 1);

/** The best offer for `wanted`, the first of equals. */
export function bestFor<T extends { platform?: Platform }>(offers: readonly T[], wanted: Platform): T | undefined {
  const rated = offers
    .filter(offer => offer.platform !== undefined)
    .map(offer => ({ offer, rate: offer.platform ? suitability(offer.platform, wanted) : 0 }))
    .filter(({ rate }) => rate > 0);
  return rated.sort((a, b) => b.rate - a.rate)[0]?.offer;
}
