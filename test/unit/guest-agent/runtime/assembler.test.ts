import { describe, expect, it } from 'vitest';
import type { Encoder } from '../../../../guest-agent/runtime/assembler.ts';
import { amd64 } from '../../../../guest-agent/runtime/assembler-amd64.ts';
import { arm64 } from '../../../../guest-agent/runtime/assembler-arm64.ts';
import { initProgram } from '../../../../guest-agent/runtime/init-program.ts';

/** One of each, over all variables. */
function eachInstruction(encoder: Encoder): Record<string, string> {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0] = encoder.variables;
  const instructions: Record<string, Buffer> = {
    set: encoder.set(a, 70000),
    negative: encoder.set(b, -13),
    copy: encoder.copy(c, d),
    add: encoder.add(e, 8),
    mask: encoder.mask(f, 127),
    shift: encoder.shiftRight(a, 8),
    load8: encoder.load(c, e, 8, 8),
    load4: encoder.load(g, c, 0, 4),
    load1: encoder.load(h, i, 4, 1),
    store8: encoder.store(a, b, 16, 8),
    store4: encoder.store(g, b, 0, 4),
    store1: encoder.store(b, c, 0, 1),
    compare: encoder.compare(a, i),
    compareWith: encoder.compareWith(d, -2),
    reserve: encoder.reserve(4096),
    stack: encoder.stackAddress(f, 32),
    jump: encoder.jump(undefined, -40),
    less: encoder.jump('lessOrEqual', 80),
    address: encoder.address(e, 100),
    call: encoder.call(220),
  };
  return Object.fromEntries(Object.entries(instructions).map(([name, bytes]) => [name, bytes.toString('hex')]));
}

describe('the assembler', () => {
  // What LLVM's assembler makes of the same instructions.
  it('writes x86-64', () => {
    expect(eachInstruction(amd64)).toEqual({
      set: '48c7c370110100',
      negative: '48c7c5f3ffffff',
      copy: '4d89ec',
      add: '4981c608000000',
      mask: '4981e77f000000',
      shift: '48c1eb08',
      load8: '4d8ba608000000',
      load4: '458b8c2400000000',
      load1: '450fb68204000000',
      store8: '48899d10000000',
      store4: '44898d00000000',
      store1: '4188ac2400000000',
      compare: '4c39d3',
      compareWith: '4981fdfeffffff',
      reserve: '4881ec00100000',
      stack: '4c8dbc2420000000',
      jump: 'e9d3ffffff',
      less: '0f8e4a000000',
      address: '4c8d355d000000',
      call: 'b8dc0000000f05',
    });
  });

  it('writes AArch64', () => {
    expect(eachInstruction(arm64)).toEqual({
      set: '132e82d23300a0f2',
      negative: '94018092',
      copy: 'f50316aa',
      add: 'f7220091',
      mask: 'e90f80d21803098a',
      shift: '73fe48d3',
      load8: 'f50640f9',
      load4: 'b90240b9',
      load1: '7a134039',
      store8: '930a00f9',
      store4: '990200b9',
      store1: 'b4020039',
      compare: '7f021beb',
      compareWith: '29008092df0209eb',
      reserve: 'ffc33fd1ff4300d1',
      stack: 'f8830091',
      jump: 'f6ffff17',
      less: '8d020054',
      address: '37030010',
      call: '881b80d2010000d4',
    });
    expect(() => arm64.add(19, 4096)).toThrow('4096 does not fit into twelve bits');
  });

  it('makes an init of some hundred bytes for both', () => {
    for (const processor of ['amd64', 'arm64'] as const) {
      const program = initProgram(processor);
      expect(program.length).toBeLessThan(2000);
      expect(program.includes('/usr/local/bin:/bin:/usr/bin')).toBe(true);
    }
  });
});
