import type { DeviceException, DevicePolicy } from './device-rules.ts';

// Opcodes of eBPF, linux/bpf_common.h and linux/bpf.h: class | operation | source.
const LOAD_WORD = 0x61; // BPF_LDX | BPF_MEM | BPF_W
const AND_VALUE = 0x54; // BPF_ALU | BPF_AND | BPF_K
const SHIFT_RIGHT_VALUE = 0x74; // BPF_ALU | BPF_RSH | BPF_K
const MOVE_REGISTER = 0xbc; // BPF_ALU | BPF_MOV | BPF_X
const MOVE_VALUE = 0xb4; // BPF_ALU | BPF_MOV | BPF_K
const JUMP_IF_NOT_VALUE = 0x55; // BPF_JMP | BPF_JNE | BPF_K
const JUMP_IF_VALUE = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_IF_NOT_REGISTER = 0x5d; // BPF_JMP | BPF_JNE | BPF_X
const EXIT = 0x95; // BPF_JMP | BPF_EXIT

const RESULT = 0;
const CONTEXT = 1;
const TYPE = 2;
const ACCESS = 3;
const MAJOR = 4;
const MINOR = 5;

// BPF_DEVCG_DEV_* and BPF_DEVCG_ACC_*
const types = { b: 1, c: 2 };
const accesses: Record<string, number> = { m: 1, r: 2, w: 4 };

interface Instruction {
  code: number;
  to?: number;
  from?: number;
  offset?: number;
  value?: number;
}

const encode = ({ code, to = 0, from = 0, offset = 0, value = 0 }: Instruction): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes[0] = code;
  bytes[1] = (from << 4) | to;
  bytes.writeInt16LE(offset, 2);
  bytes.writeInt32LE(value | 0, 4);
  return bytes;
};

/** struct bpf_cgroup_dev_ctx: access type (access in the high half, kind in the low), major, minor. */
const prologue: Instruction[] = [
  { code: LOAD_WORD, to: TYPE, from: CONTEXT, offset: 0 },
  { code: MOVE_REGISTER, to: ACCESS, from: TYPE },
  { code: AND_VALUE, to: TYPE, value: 0xffff },
  { code: SHIFT_RIGHT_VALUE, to: ACCESS, value: 16 },
  { code: LOAD_WORD, to: MAJOR, from: CONTEXT, offset: 4 },
  { code: LOAD_WORD, to: MINOR, from: CONTEXT, offset: 8 },
];

/** An exception that allows must cover the whole request; one that denies needs to touch it only. */
function block(exception: DeviceException, allowedByDefault: boolean): Instruction[] {
  const mask = [...exception.access].reduce((bits, letter) => bits | (accesses[letter] ?? 0), 0);
  const tests: Instruction[] = [{ code: JUMP_IF_NOT_VALUE, to: TYPE, value: types[exception.type] }];
  if (mask !== 7) {
    tests.push({ code: MOVE_REGISTER, to: RESULT, from: ACCESS }, { code: AND_VALUE, to: RESULT, value: mask });
    if (allowedByDefault) tests.push({ code: JUMP_IF_VALUE, to: RESULT, value: 0 });
    else tests.push({ code: JUMP_IF_NOT_REGISTER, to: RESULT, from: ACCESS });
  }
  if (exception.major !== undefined) tests.push({ code: JUMP_IF_NOT_VALUE, to: MAJOR, value: exception.major });
  if (exception.minor !== undefined) tests.push({ code: JUMP_IF_NOT_VALUE, to: MINOR, value: exception.minor });
  const verdict = [{ code: MOVE_VALUE, to: RESULT, value: allowedByDefault ? 0 : 1 }, { code: EXIT }];
  const end = tests.length + verdict.length;
  const jumps = new Set([JUMP_IF_NOT_VALUE, JUMP_IF_VALUE, JUMP_IF_NOT_REGISTER]);
  return [...tests.map((test, at) => (jumps.has(test.code) ? { ...test, offset: end - at - 1 } : test)), ...verdict];
}

/** The eBPF program (type CGROUP_DEVICE) that answers 1 for an access the policy allows and 0 for one it denies. */
export function deviceProgram({ allowedByDefault, exceptions }: DevicePolicy): Buffer {
  const instructions = [
    ...prologue,
    ...exceptions.flatMap(exception => block(exception, allowedByDefault)),
    { code: MOVE_VALUE, to: RESULT, value: allowedByDefault ? 1 : 0 },
    { code: EXIT },
  ];
  return Buffer.concat(instructions.map(encode));
}
