import type { Condition, Encoder } from './assembler.ts';

const stackPointer = 4;
const conditions: Record<Condition, number> = { equal: 0x84, different: 0x85, less: 0x8c, lessOrEqual: 0x8e };

const number32 = (value: number): number[] => [...Buffer.from(Int32Array.of(value).buffer)];

/** The prefix that widens to 64 bits and carries the fourth bit of each register. */
const prefix = (wide: boolean, register: number, base: number): number =>
  0x40 | (wide ? 8 : 0) | (register >> 3 ? 4 : 0) | (base >> 3 ? 1 : 0);

const direct = (register: number, base: number): number => 0xc0 | ((register & 7) << 3) | (base & 7);

/** `[base + offset]`; the stack pointer and r12 need a further byte. */
const memory = (register: number, base: number, offset: number): number[] => {
  const mode = 0x80 | ((register & 7) << 3) | (base & 7);
  return [mode, ...((base & 7) === stackPointer ? [0x24] : []), ...number32(offset)];
};

/** An operation of a register with a number: `kind` is its place among them (Intel's manual, group 1). */
const withNumber = (kind: number, register: number, value: number): Buffer =>
  Buffer.from([prefix(true, 0, register), 0x81, direct(kind, register), ...number32(value)]);

/** x86-64: rbx, rbp and r12 to r15 are ours, r9, r8 and r10 as long as no call needs them; rcx and r11 are the kernel's. */
export const amd64: Encoder = {
  variables: [3, 5, 12, 13, 14, 15, 9, 8, 10],
  arguments: [7, 6, 2, 10, 8, 9],
  result: 0,
  set: (target, value) => Buffer.from([prefix(true, 0, target), 0xc7, direct(0, target), ...number32(value)]),
  copy: (target, source) => Buffer.from([prefix(true, source, target), 0x89, direct(source, target)]),
  add: (target, value) => withNumber(0, target, value),
  mask: (target, value) => withNumber(4, target, value),
  shiftRight: (target, bits) => Buffer.from([prefix(true, 0, target), 0xc1, direct(5, target), bits]),
  load: (target, base, offset, size) =>
    Buffer.from([
      prefix(size === 8, target, base),
      ...(size === 1 ? [0x0f, 0xb6] : [0x8b]),
      ...memory(target, base, offset),
    ]),
  store: (source, base, offset, size) =>
    Buffer.from([prefix(size === 8, source, base), size === 1 ? 0x88 : 0x89, ...memory(source, base, offset)]),
  compare: (left, right) => Buffer.from([prefix(true, right, left), 0x39, direct(right, left)]),
  compareWith: (left, value) => withNumber(7, left, value),
  reserve: size => withNumber(5, stackPointer, size),
  stackAddress: (target, offset) =>
    Buffer.from([prefix(true, target, stackPointer), 0x8d, ...memory(target, stackPointer, offset)]),
  jump: (condition, distance) =>
    condition === undefined
      ? Buffer.from([0xe9, ...number32(distance - 5)])
      : Buffer.from([0x0f, conditions[condition], ...number32(distance - 6)]),
  address: (target, distance) =>
    Buffer.from([prefix(true, target, 0), 0x8d, 0x05 | ((target & 7) << 3), ...number32(distance - 7)]),
  call: number => Buffer.from([0xb8, ...number32(number), 0x0f, 0x05]),
};
