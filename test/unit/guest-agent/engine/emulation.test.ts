import { describe, expect, it } from 'vitest';
import { registrationOf } from '../../../../guest-agent/engine/emulation.ts';
import { levelOf } from '../../../../guest-agent/engine/platform-warning.ts';

describe('programs of another architecture', () => {
  it("are made known to the kernel in Debian's words, with the emulator opened at once", () => {
    // magic and mask are those that Debian's qemu-user registers for aarch64
    const magic =
      '\\x7f\\x45\\x4c\\x46\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00';
    const mask = '\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff';
    const emulated = { name: 'aarch64', bits: 64, machine: 0xb7 } as const;
    expect(registrationOf(emulated, '/usr/bin/qemu-aarch64')).toBe(
      `:aarch64:M::${magic}:${mask}:/usr/bin/qemu-aarch64:POCF`,
    );
  });

  it('are of a level that all of its flags make', () => {
    const v2 = 'cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3';
    const v3 = `${v2} avx avx2 bmi1 bmi2 f16c fma abm movbe xsave`;
    const v4 = `${v3} avx512f avx512bw avx512cd avx512dq avx512vl`;
    const levels = ['fpu', v2, v3, v4, `${v4.replace('popcnt', '')}`].map(flags => levelOf(new Set(flags.split(' '))));
    expect(levels).toEqual([undefined, 'v2', 'v3', 'v4', undefined]);
  });
});
