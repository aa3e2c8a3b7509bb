import type { Condition, Encoder } from './assembler.ts';

const stackPointer = 31;
/** For a moment, between two instructions. */
const scratch = 9;
const callNumber = 8;
const conditions: Record<Condition, number> = { equal: 0, different: 1, less: 11, lessOrEqual: 13 };
/** What can be taken off the stack pointer at once, in whole units of its alignment. */
const largestStep = 4080;

const instructions = (...list: number[]): Buffer => Buffer.from(Uint32Array.from(list).buffer);

function setting(target: number, value: number): number[] {
  if (value < 0) return [0x92800000 | (~value << 5) | target];
  const low = 0xd2800000 | ((value & 0xffff) << 5) | target;
  return value > 0xffff ? [low, 0xf2a00000 | ((value >>> 16) << 5) | target] : [low];
}

const transfer = { 1: 0x39000000, 4: 0xb9000000, 8: 0xf9000000 } as const;
const access = (kind: number, register: number, base: number, offset: number, size: 1 | 4 | 8): Buffer =>
  instructions(transfer[size] | kind | ((offset / size) << 10) | (base << 5) | register);

function adding(target: number, source: number, value: number): number {
  if (value < 0 || value > 4095) throw new Error(`${value} does not fit into twelve bits`);
  return 0x91000000 | (value << 10) | (source << 5) | target;
}

function taking(size: number): number[] {
  const step = Math.min(size, largestStep);
  const first = 0xd1000000 | (step << 10) | (stackPointer << 5) | stackPointer;
  return size > step ? [first, ...taking(size - step)] : [first];
}

/** AArch64: x19 to x27 are ours. */
export const arm64: Encoder = {
  variables: [19, 20, 21, 22, 23, 24, 25, 26, 27],
  arguments: [0, 1, 2, 3, 4, 5],
  result: 0,
  set: (target, value) => instructions(...setting(target, value)),
  copy: (target, source) => instructions(0xaa0003e0 | (source << 16) | target),
  add: (target, value) => instructions(adding(target, target, value)),
  mask: (target, value) =>
    instructions(...setting(scratch, value), 0x8a000000 | (scratch << 16) | (target << 5) | target),
  shiftRight: (target, bits) => instructions(0xd340fc00 | (bits << 16) | (target << 5) | target),
  load: (target, base, offset, size) => access(0x00400000, target, base, offset, size),
  store: (source, base, offset, size) => access(0, source, base, offset, size),
  compare: (left, right) => instructions(0xeb00001f | (right << 16) | (left << 5)),
  compareWith: (left, value) => instructions(...setting(scratch, value), 0xeb00001f | (scratch << 16) | (left << 5)),
  reserve: size => instructions(...taking(size)),
  stackAddress: (target, offset) => instructions(adding(target, stackPointer, offset)),
  jump: (condition, distance) =>
    condition === undefined
      ? instructions(0x14000000 | ((distance >> 2) & 0x3ffffff))
      : instructions(0x54000000 | (((distance >> 2) & 0x7ffff) << 5) | conditions[condition]),
  address: (target, distance) =>
    instructions(0x10000000 | ((distance & 3) << 29) | (((distance >> 2) & 0x7ffff) << 5) | target),
  call: number => instructions(...setting(callNumber, number), 0xd4000001),
};
