import koffi from 'koffi';
import { CLONE_ARGS_SIZE, CLONE_PARENT } from './clone.ts';
import { check, declare, SyscallError } from './libc.ts';
import type { NativeCommand } from './process.ts';

const arm64 = process.arch === 'arm64';
const SYS_execve = arm64 ? 221 : 59;
const SYS_exit_group = arm64 ? 94 : 231;
const CLONE_VM = 0x100;
const CLONE_PARENT_SETTID = 0x100000;
const CLONE_CHILD_CLEARTID = 0x200000;

/**
 * What the two share of a new process, in words of 8 bytes. 0: the new one's pid, cleared by the kernel as soon as it has
 * gone or is another program; then the first and the last descriptor that the old one lets go of, as 32 bits each. From 16
 * on: the stack pointer at which it departed, 0 before, and the registers that a function has to keep.
 */
const WAY_SIZE = 184;

/**
 * `long bear(struct clone_args *args, size_t size, void *way)`: clone3(2) from which only the new process returns, or an
 * error. Both have one stack, on which the new process goes on; so the old one waits in registers alone. Where the new one
 * has departed, the old one goes on, as if that call had returned 0; otherwise nobody knows how far it came, and the old one
 * exits. `long depart(long call, long first, void *second, void *third, void *way)`: a system call from which there is no
 * return, or -errno.
 */
const machineCode = {
  x64: {
    bear: Buffer.from([
      ...[0x49, 0x89, 0xd0], // mov r8, rdx
      ...[0xb8, 0xb3, 0x01, 0x00, 0x00, 0x0f, 0x05], // mov eax, 435 (clone3); syscall
      ...[0x48, 0x85, 0xc0, 0x7e, 0x56], // test rax, rax; jle: the new process, or an error, to ret
      ...[0x41, 0x8b, 0x78, 0x04, 0x41, 0x8b, 0x70, 0x08, 0x31, 0xd2], // mov edi, [r8 + 4]; mov esi, [r8 + 8]; xor edx, edx
      ...[0xb8, 0xb4, 0x01, 0x00, 0x00, 0x0f, 0x05], // mov eax, 436 (close_range); syscall
      ...[0x41, 0x8b, 0x10, 0x85, 0xd2, 0x74, 0x11], // mov edx, [r8]; test edx, edx; jz over the loop
      ...[0x4c, 0x89, 0xc7, 0x31, 0xf6, 0x45, 0x31, 0xd2], // mov rdi, r8; xor esi, esi (FUTEX_WAIT); xor r10d, r10d
      ...[0xb8, 0xca, 0x00, 0x00, 0x00, 0x0f, 0x05, 0xeb, 0xe8], // mov eax, 202 (futex); syscall; jmp to the look at [r8]
      ...[0x49, 0x8b, 0x60, 0x10, 0x48, 0x85, 0xe4, 0x74, 0x1b], // mov rsp, [r8 + 16]; test rsp, rsp; jz to the exit
      ...[0x49, 0x8b, 0x58, 0x18, 0x49, 0x8b, 0x68, 0x20, 0x4d, 0x8b, 0x60, 0x28], // rbx, rbp, r12 from [r8 + 24]
      ...[0x4d, 0x8b, 0x68, 0x30, 0x4d, 0x8b, 0x70, 0x38, 0x4d, 0x8b, 0x78, 0x40], // r13, r14, r15
      ...[0x31, 0xc0, 0xc3], // xor eax, eax; ret
      ...[0x31, 0xff, 0xb8, 0xe7, 0x00, 0x00, 0x00, 0x0f, 0x05], // xor edi, edi; mov eax, 231 (exit_group); syscall
      0xc3, // ret
    ]),
    depart: Buffer.from([
      ...[0x49, 0x89, 0x58, 0x18, 0x49, 0x89, 0x68, 0x20, 0x4d, 0x89, 0x60, 0x28], // rbx, rbp, r12 to [r8 + 24]
      ...[0x4d, 0x89, 0x68, 0x30, 0x4d, 0x89, 0x70, 0x38, 0x4d, 0x89, 0x78, 0x40], // r13, r14, r15
      ...[0x49, 0x89, 0x60, 0x10, 0x48, 0x89, 0xf8], // mov [r8 + 16], rsp; mov rax, rdi
      ...[0x48, 0x89, 0xf7, 0x48, 0x89, 0xd6, 0x48, 0x89, 0xca, 0x0f, 0x05], // rdi, rsi, rdx from the next three; syscall
      ...[0x49, 0xc7, 0x40, 0x10, 0x00, 0x00, 0x00, 0x00, 0xc3], // mov qword [r8 + 16], 0; ret
    ]),
  },
  arm64: {
    bear: words([
      ...[0xaa0203e9, 0xd2803668, 0xd4000001], // mov x9, x2; mov x8, 435 (clone3); svc 0
      ...[0xf100001f, 0x5400004c, 0xd65f03c0], // cmp x0, 0; b.gt over the ret of the new process, or of an error
      ...[0x29408520, 0xd2800002, 0xd2803688, 0xd4000001], // ldp w0, w1, [x9, 4]; mov x2, 0; mov x8, 436 (close_range); svc 0
      ...[0xb9400122, 0x340000e2], // ldr w2, [x9]; cbz w2, over the loop
      ...[0xaa0903e0, 0xd2800001, 0xd2800003], // mov x0, x9; mov x1, 0 (FUTEX_WAIT); mov x3, 0
      ...[0xd2800c48, 0xd4000001, 0x17fffff9], // mov x8, 98 (futex); svc 0; b to the look at [x9]
      ...[0xf940092a, 0xb40001ca, 0x9100015f], // ldr x10, [x9, 16]; cbz x10, to the exit; mov sp, x10
      ...[0xa941d133, 0xa942d935, 0xa943e137, 0xa944e939, 0xa945f13b, 0xa946f93d], // x19 to x30 from [x9, 24]
      ...[0x6d47a528, 0x6d48ad2a, 0x6d49b52c, 0x6d4abd2e], // d8 to d15
      ...[0xd2800000, 0xd65f03c0], // mov x0, 0; ret
      ...[0xd2800000, 0xd2800bc8, 0xd4000001], // mov x0, 0; mov x8, 94 (exit_group); svc 0
    ]),
    depart: words([
      0xaa0403e9, // mov x9, x4
      ...[0xa901d133, 0xa902d935, 0xa903e137, 0xa904e939, 0xa905f13b, 0xa906f93d], // x19 to x30 to [x9, 24]
      ...[0x6d07a528, 0x6d08ad2a, 0x6d09b52c, 0x6d0abd2e], // d8 to d15
      ...[0x910003ea, 0xf900092a, 0xaa0003e8], // mov x10, sp; str x10, [x9, 16]; mov x8, x0
      ...[0xaa0103e0, 0xaa0203e1, 0xaa0303e2, 0xd4000001], // x0, x1, x2 from the next three; svc 0
      ...[0xf900093f, 0xd65f03c0], // str xzr, [x9, 16]; ret
    ]),
  },
};

function words(code: number[]): Buffer {
  return Buffer.from(Uint32Array.from(code).buffer);
}

const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const pageSize = 65_536; // the largest of arm64

const mmap = declare<(at: number, size: number, prot: number, flags: number, fd: number, offset: number) => number>(
  'int64_t mmap(uint64_t addr, size_t length, int prot, int flags, int fd, int64_t offset)',
);
const mprotect = declare<(at: number, size: number, prot: number) => number>(
  'int mprotect(uint64_t addr, size_t length, int prot)',
);

interface Functions {
  bear(args: Buffer, size: number, way: Buffer): number;
  execve(call: number, path: Buffer, argv: Buffer, envp: Buffer, way: Buffer): number;
  exit(call: number, code: number, second: null, third: null, way: Buffer): number;
}

function load({ bear, depart }: { bear: Buffer; depart: Buffer }): Functions {
  const at = check('mmap', mmap(0, pageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0));
  new Uint8Array(koffi.view(BigInt(at), bear.length + depart.length)).set(Buffer.concat([bear, depart]));
  check('mprotect', mprotect(at, pageSize, PROT_READ | PROT_EXEC));
  const bind = (offset: number, prototype: string): unknown =>
    koffi.decode(BigInt(at + offset), koffi.proto(prototype)) as unknown;
  return {
    bear: bind(0, 'long bear(void *args, size_t size, void *way)') as Functions['bear'],
    execve: bind(
      bear.length,
      'long departInto(long call, void *path, void *argv, void *envp, void *way)',
    ) as Functions['execve'],
    exit: bind(
      bear.length,
      'long departFor(long call, long code, void *second, void *third, void *way)',
    ) as Functions['exit'],
  };
}

let functions: Functions | undefined;
const args = Buffer.alloc(CLONE_ARGS_SIZE);
/** Those of the processes that wait for this one; below them a way back to nobody. */
const ways = [Buffer.alloc(WAY_SIZE)];
const lastWay = (): Buffer => ways[ways.length - 1] as Buffer;

/** To be called in the keeper: what is mapped before a fork, every child has. */
export function prepareVfork(): void {
  functions ??= load(machineCode[process.arch as keyof typeof machineCode]);
}

const loaded = (): Functions => {
  prepareVfork();
  return functions as Functions;
};

/**
 * Goes on as another child of the same parent, in the same memory, as after vfork(2). Nothing is copied, at once or page by
 * page, as after a fork. Returns only in the new process, with the pid by which its parent knows it. The old one lets go of
 * the descriptors from `first` to `last`, and waits. When the new one {@link becomeProgram}s or {@link depart}s, the old one
 * goes on from there; when it is killed before, the old one exits. It does not wait as vfork(2) has it, for that counts as
 * load. Whatever the new one has changed in memory stays; descriptors, namespaces and rights are each one's own. All signals
 * must be blocked. @throws SyscallError
 */
export function vforkSibling(first: number, last: number): number {
  const way = Buffer.alloc(WAY_SIZE);
  way.writeUInt32LE(first, 4);
  way.writeUInt32LE(last, 8);
  args.fill(0);
  args.writeBigUInt64LE(BigInt(CLONE_VM | CLONE_PARENT | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID), 0);
  for (const field of [16, 24]) args.writeBigUInt64LE(BigInt(koffi.address(way)), field);
  ways.push(way);
  const errno = -loaded().bear(args, CLONE_ARGS_SIZE, way);
  if (errno === 0) return way.readInt32LE(0);
  ways.pop();
  throw new SyscallError('clone3', errno, 'vfork');
}

/**
 * Becomes another program, execve(2). Comes back with the errno, when it cannot; or with 0, in the process that has borne
 * this one.
 */
export function becomeProgram({ path, argv, envp }: NativeCommand): number {
  const errno = -loaded().execve(SYS_execve, path, argv, envp, lastWay());
  if (errno === 0) ways.pop();
  return errno;
}

/** Ends this process. Comes back in the one that has borne it, if one has. */
export function depart(code: number): void {
  loaded().exit(SYS_exit_group, code, null, null, lastWay());
  ways.pop();
}
