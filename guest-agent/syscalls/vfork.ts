import { constants } from 'node:os';
import koffi from 'koffi';
import { CLONE_ARGS_SIZE, CLONE_PARENT } from './clone.ts';
import { check, declare, SyscallError } from './libc.ts';

const { ENOSYS } = constants.errno;
const CLONE_VM = 0x100;
const CLONE_PARENT_SETTID = 0x100000;
const CLONE_CHILD_CLEARTID = 0x200000;

/**
 * `long f(struct clone_args *args, size_t size)`: clone3(2) from which only the new process returns, or an error. Both
 * have one stack, which belongs to the new process; so the old one goes on in registers alone: it lets go of its files,
 * waits until `child_tid` is cleared, since the new one has gone or is another program, rests for 3 ms, in which that
 * program and those who wait for it have the processors to themselves, and exits.
 */
const machineCode = {
  x64: Buffer.from([
    ...[0x49, 0x89, 0xf8], // mov r8, rdi
    ...[0xb8, 0xb3, 0x01, 0x00, 0x00, 0x0f, 0x05], // mov eax, 435 (clone3); syscall
    ...[0x48, 0x85, 0xc0, 0x7e, 0x45], // test rax, rax; jle: the new process, or an error, to ret
    ...[0xbf, 0x03, 0x00, 0x00, 0x00, 0xbe, 0xff, 0xff, 0xff, 0xff, 0x31, 0xd2], // mov edi, 3; mov esi, -1; xor edx, edx
    ...[0xb8, 0xb4, 0x01, 0x00, 0x00, 0x0f, 0x05], // mov eax, 436 (close_range); syscall
    ...[0x49, 0x8b, 0x78, 0x10, 0x31, 0xf6, 0x45, 0x31, 0xd2], // mov rdi, [r8 + 16]; xor esi, esi (FUTEX_WAIT); xor r10d, r10d
    ...[0x8b, 0x17, 0x85, 0xd2, 0x74, 0x09], // mov edx, [rdi]; test edx, edx; jz over the loop
    ...[0xb8, 0xca, 0x00, 0x00, 0x00, 0x0f, 0x05, 0xeb, 0xf1], // mov eax, 202 (futex); syscall; jmp to the look at [rdi]
    ...[0x68, 0xc0, 0xc6, 0x2d, 0x00, 0x6a, 0x00], // push 3000000; push 0: struct timespec
    ...[0x48, 0x89, 0xe7, 0xb8, 0x23, 0x00, 0x00, 0x00, 0x0f, 0x05], // mov rdi, rsp; mov eax, 35 (nanosleep); syscall
    ...[0x31, 0xff, 0xb8, 0xe7, 0x00, 0x00, 0x00, 0x0f, 0x05], // xor edi, edi; mov eax, 231 (exit_group); syscall
    0xc3, // ret
  ]),
  arm64: Buffer.from(
    Uint32Array.of(
      ...[0xaa0003e9, 0xd2803668, 0xd4000001], // mov x9, x0; mov x8, 435 (clone3); svc 0
      ...[0xf100001f, 0x5400004c, 0xd65f03c0], // cmp x0, 0; b.gt over the ret of the new process, or of an error
      ...[0xd2800060, 0x92800001, 0xd2800002], // mov x0, 3; mov x1, -1; mov x2, 0
      ...[0xd2803688, 0xd4000001, 0xf9400929], // mov x8, 436 (close_range); svc 0; ldr x9, [x9, 16]
      ...[0xb9400122, 0x340000e2], // ldr w2, [x9]; cbz w2, over the loop
      ...[0xaa0903e0, 0xd2800001, 0xd2800003], // mov x0, x9; mov x1, 0 (FUTEX_WAIT); mov x3, 0
      ...[0xd2800c48, 0xd4000001, 0x17fffff9], // mov x8, 98 (futex); svc 0; b to the look at [x9]
      ...[0xd10043ff, 0xf90003ff, 0xd298d800, 0xf2a005a0, 0xf90007e0], // sub sp, sp, 16; str xzr, [sp]; x0 = 3000000; str x0, [sp, 8]
      ...[0x910003e0, 0xd2800001, 0xd2800ca8, 0xd4000001], // mov x0, sp; mov x1, 0; mov x8, 101 (nanosleep); svc 0
      ...[0xd2800000, 0xd2800bc8, 0xd4000001], // mov x0, 0; mov x8, 94 (exit_group); svc 0
    ).buffer,
  ),
};

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

type Vfork = (args: Buffer, size: number) => number;

function load(code: Buffer): Vfork {
  const at = check('mmap', mmap(0, pageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0));
  new Uint8Array(koffi.view(BigInt(at), code.length)).set(code);
  check('mprotect', mprotect(at, pageSize, PROT_READ | PROT_EXEC));
  return koffi.decode(BigInt(at), koffi.proto('long vforkSibling(void *args, size_t size)')) as Vfork;
}

let vfork: Vfork | undefined;
const args = Buffer.alloc(CLONE_ARGS_SIZE);
const pid = Buffer.alloc(4);

/** To be called in the keeper: what is mapped before a fork, every child has. */
export function prepareVfork(): void {
  vfork ??= load(machineCode[process.arch as keyof typeof machineCode]);
}

/**
 * Goes on as another child of the same parent, in the same memory, as after vfork(2). Nothing is copied, at once or page by
 * page, as after a fork. Returns only in the new process, with the pid by which its parent knows it. The old one waits
 * until the new one has gone or is another program, and ends with 0 a little later; what a whole Node has to take down, it
 * takes down while that program runs already. It does not wait as vfork(2) has it, for that counts as load. @throws SyscallError
 */
export function vforkSibling(): number {
  prepareVfork();
  args.fill(0);
  args.writeBigUInt64LE(BigInt(CLONE_VM | CLONE_PARENT | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID), 0);
  for (const field of [16, 24]) args.writeBigUInt64LE(BigInt(koffi.address(pid)), field);
  const errno = -(vfork?.(args, CLONE_ARGS_SIZE) ?? -ENOSYS);
  if (errno > 0) throw new SyscallError('clone3', errno, 'vfork');
  return pid.readInt32LE(0);
}
