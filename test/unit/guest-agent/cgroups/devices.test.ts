import { expect, it } from 'vitest';
import type { DeviceRule } from '../../../../contracts/oci/runtime-spec.ts';
import { deviceProgram } from '../../../../guest-agent/cgroups/device-program.ts';
import { devicePolicy, deviceWrites } from '../../../../guest-agent/cgroups/device-rules.ts';

const dockerLike: DeviceRule[] = [
  { allow: false, access: 'rwm' },
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' },
  { allow: true, type: 'c', major: 136, access: 'rwm' },
  { allow: true, type: 'b', major: 8, minor: 0, access: 'r' },
  { allow: false, type: 'c', major: 10, minor: 229, access: 'rwm' },
];

/** Runs a device program as the kernel would; enough of eBPF for what we write. */
function run(program: Buffer, type: 1 | 2, access: number, major: number, minor: number): number {
  const context = [(access << 16) | type, major, minor];
  const registers = new Array<number>(11).fill(0);
  const get = (index: number): number => registers[index] ?? 0;
  for (let at = 0; ; at++) {
    const code = program[at * 8] ?? 0;
    const to = (program[at * 8 + 1] ?? 0) & 15;
    const from = (program[at * 8 + 1] ?? 0) >> 4;
    const offset = program.readInt16LE(at * 8 + 2);
    const value = program.readInt32LE(at * 8 + 4);
    const right = code & 8 ? get(from) : value;
    if (code === 0x95) return get(0);
    if (code === 0x61) registers[to] = context[offset / 4] ?? 0;
    else if ((code & 0xf0) === 0x50 && (code & 7) === 4) registers[to] = get(to) & right;
    else if ((code & 0xf0) === 0x70) registers[to] = get(to) >>> right;
    else if ((code & 0xf0) === 0xb0) registers[to] = right;
    else if ((code & 0xf0) === 0x50) at += get(to) !== right ? offset : 0;
    else if ((code & 0xf0) === 0x10) at += get(to) === right ? offset : 0;
    else throw new Error(`unknown instruction ${code.toString(16)}`);
  }
}

const [BLOCK, CHARACTER] = [1, 2] as const;
const [MAKE, READ, WRITE] = [1, 2, 4];

it('writes the rules of v1, neighbours together', () => {
  expect(deviceWrites(dockerLike)).toEqual([
    { file: 'devices.deny', values: ['a'] },
    { file: 'devices.allow', values: ['c *:* m', 'c 1:3 rwm', 'c 136:* rwm', 'b 8:0 r'] },
    { file: 'devices.deny', values: ['c 10:229 rwm'] },
  ]);
});

it('judges on v2 as v1 would', () => {
  const program = deviceProgram(devicePolicy(dockerLike));
  expect(run(program, CHARACTER, READ | WRITE, 1, 3)).toBe(1);
  expect(run(program, CHARACTER, READ, 136, 7)).toBe(1);
  expect(run(program, CHARACTER, MAKE, 99, 1)).toBe(1);
  expect(run(program, CHARACTER, READ, 99, 1)).toBe(0);
  expect(run(program, CHARACTER, READ, 10, 229)).toBe(0);
  expect(run(program, BLOCK, READ, 8, 0)).toBe(1);
  expect(run(program, BLOCK, READ | WRITE, 8, 0)).toBe(0);
});

it('denies single devices of a privileged list', () => {
  const program = deviceProgram(devicePolicy([{ allow: true }, { allow: false, type: 'b', major: 8, access: 'w' }]));
  expect(run(program, BLOCK, READ, 8, 1)).toBe(1);
  expect(run(program, BLOCK, READ | WRITE, 8, 1)).toBe(0);
  expect(run(program, BLOCK, WRITE, 9, 1)).toBe(1);
});

it('lets a later rule take back an earlier one', () => {
  const policy = devicePolicy([
    { allow: false },
    { allow: true, type: 'c', major: 1, minor: 3, access: 'rw' },
    { allow: false, type: 'c', major: 1, minor: 3, access: 'w' },
  ]);
  expect(policy.exceptions).toEqual([{ type: 'c', major: 1, minor: 3, access: 'r' }]);
});
