import koffi from 'koffi';
import { check, declare } from './libc.ts';

const SYS_bpf = process.arch === 'arm64' ? 280 : 321;
const BPF_PROG_LOAD = 5;
const BPF_PROG_ATTACH = 8;
const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
const BPF_CGROUP_DEVICE = 6;
const BPF_F_ALLOW_MULTI = 2;
const INSTRUCTION_BYTES = 8;

const syscall = declare<(number: number, command: number, attributes: Buffer, size: number) => number>(
  'long syscall(long number, int command, void *attributes, unsigned int size)',
);

const bpf = (command: number, attributes: Buffer, subject: string): number =>
  check('bpf', Number(syscall(SYS_bpf, command, attributes, attributes.length)), subject);

const pointerTo = (bytes: Buffer): bigint => BigInt(koffi.address(bytes));

/**
 * Loads a program of type CGROUP_DEVICE; the kernel verifies it. Close the descriptor once it is attached.
 * `union bpf_attr`, linux/bpf.h. @throws SyscallError
 */
export function loadDeviceProgram(instructions: Buffer): number {
  const license = Buffer.from('MIT\0');
  const attributes = Buffer.alloc(48);
  attributes.writeUInt32LE(BPF_PROG_TYPE_CGROUP_DEVICE, 0);
  attributes.writeUInt32LE(instructions.length / INSTRUCTION_BYTES, 4);
  attributes.writeBigUInt64LE(pointerTo(instructions), 8);
  attributes.writeBigUInt64LE(pointerTo(license), 16);
  return bpf(BPF_PROG_LOAD, attributes, 'device program');
}

/** Lets the program judge every opening and making of a device in this cgroup (v2), with those of its parents. */
export function attachDeviceProgram(cgroupFd: number, programFd: number): void {
  const attributes = Buffer.alloc(16);
  attributes.writeUInt32LE(cgroupFd, 0);
  attributes.writeUInt32LE(programFd, 4);
  attributes.writeUInt32LE(BPF_CGROUP_DEVICE, 8);
  attributes.writeUInt32LE(BPF_F_ALLOW_MULTI, 12);
  bpf(BPF_PROG_ATTACH, attributes, 'device program');
}
