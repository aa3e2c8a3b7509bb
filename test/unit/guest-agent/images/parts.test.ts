import { describe, expect, it } from 'vitest';
import type { Platform } from '../../../../contracts/oci/image-spec.ts';
import {
  formatPlatform,
  humanSize,
  parsePlatform,
  progressBar,
  suitability,
} from '../../../../guest-agent/images/index.ts';

describe('progress', () => {
  it.each([
    [0, 66_630_000, '[>                                                  ]       0B/66.63MB'],
    [3_375_000, 66_630_000, '[==>                                                ]  3.375MB/66.63MB'],
    [66_630_000, 66_630_000, '[==================================================>]  66.63MB/66.63MB'],
    [32, 32, '[==================================================>]      32B/32B'],
    [5000, 0, '     5kB'],
    [10, 5, '[==================================================>]      10B'],
    [0, 0, ''],
  ])('%d of %d is drawn as Docker draws it', (current, total, text) => {
    expect(progressBar(current, total)).toBe(text);
  });

  it('counts in thousands', () => {
    expect([999, 1000, 1234567, 2.5e9].map(humanSize)).toEqual(['999B', '1kB', '1.235MB', '2.5GB']);
  });
});

describe('platforms', () => {
  const own: Platform = { os: 'linux', architecture: 'amd64' };

  it.each([
    ['linux/amd64', 'linux/amd64'],
    ['linux/x86_64', 'linux/amd64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['arm64', 'linux/arm64'],
    ['aarch64', 'linux/arm64'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux', 'linux/amd64'],
  ])('%s is %s', (text, formatted) => {
    expect(formatPlatform(parsePlatform(text, own))).toBe(formatted);
  });

  it.each(['a/b/c/d', 'nothing', '', 'linux/'])('%j is refused', text => {
    expect(() => parsePlatform(text, own)).toThrow();
  });

  it('prefers the nearest that runs', () => {
    const arm = (variant?: string): Platform => ({ os: 'linux', architecture: 'arm', ...(variant ? { variant } : {}) });
    const rate = (offer: Platform): number => suitability(offer, arm('v7'));
    expect(rate(arm('v7'))).toBeGreaterThan(rate(arm('v6')));
    expect(rate(arm('v6'))).toBeGreaterThan(rate(arm('v5')));
    expect(suitability(arm('v7'), arm('v6'))).toBe(0);
    expect(suitability({ ...own, variant: 'v3' }, own)).toBe(0);
  });
});
