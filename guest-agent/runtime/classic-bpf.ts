/** Classic BPF as seccomp(2) takes it, an array of `struct sock_filter { u16 code; u8 jt, jf; u32 k; }`: linux/filter.h. */
export const LOAD_WORD = 0x20;
export const AND = 0x54;
export const JUMP = 0x05;
export const JUMP_IF_EQUAL = 0x15;
export const JUMP_IF_GREATER = 0x25;
export const JUMP_IF_AT_LEAST = 0x35;
export const JUMP_IF_ANY_BIT = 0x45;
export const RETURN = 0x06;

/** Where `struct seccomp_data` has the number of the call and the architecture; its arguments follow. */
export const NUMBER = 0;
export const ARCHITECTURE = 4;
/** Set in the numbers of x32, which enters through the door of x86_64. */
export const X32_BIT = 0x40000000;

export const INSTRUCTION_BYTES = 8;

/** Jumps are relative to the next instruction. */
export interface Instruction {
  code: number;
  value: number;
  ifTrue: number;
  ifFalse: number;
}

/** One instruction, encoded. */
export function instruction(code: number, value: number, ifTrue = 0, ifFalse = 0): Buffer {
  const bytes = Buffer.alloc(INSTRUCTION_BYTES);
  bytes.writeUInt16LE(code, 0);
  bytes[2] = ifTrue;
  bytes[3] = ifFalse;
  bytes.writeUInt32LE(value >>> 0, 4);
  return bytes;
}

export function decodeProgram(program: Buffer): Instruction[] {
  const instructions: Instruction[] = [];
  for (let at = 0; at < program.length; at += INSTRUCTION_BYTES)
    instructions.push({
      code: program.readUInt16LE(at),
      ifTrue: program.readUInt8(at + 2),
      ifFalse: program.readUInt8(at + 3),
      value: program.readUInt32LE(at + 4),
    });
  return instructions;
}
