import { constants } from 'node:os';
import koffi from 'koffi';
import { CLONE_ARGS_SIZE, CLONE_PARENT } from './clone.ts';
import { check, declare, SyscallError } from './libc.ts';

const { ENOSYS } = constants.errno;
const CLONE_VM = 0x100;
const CLONE_VFORK = 0x4000;
const CLONE_PARENT_SETTID = 0x100000;

/**
 * `long f(struct clone_args *args, size_t size)`: clone3(2) from which only the new process returns, or an error. Both
 * have one stack, and the new process leaves nothing of it as it was; so the old one goes on from registers alone: it
 * lets go of its files, for whose end others wait, and exits.
 */
const machineCode = {
  x64: Buffer.from([
    ...[0xb8, 0xb3, 0x01, 0x00, 0x00, 0x0f, 0x05], // mov eax, 435 (clone3); syscall
    ...[0x48, 0x85, 0xc0, 0x7e, 0x1c], // test rax, rax; jle: the new process, or an error, to ret
    ...[0xbf, 0x03, 0x00, 0x00, 0x00, 0xbe, 0xff, 0xff, 0xff, 0xff, 0x31, 0xd2], // mov edi, 3; mov esi, -1; xor edx, edx
    ...[0xb8, 0xb4, 0x01, 0x00, 0x00, 0x0f, 0x05], // mov eax, 436 (close_range); syscall
    ...[0x31, 0xff, 0xb8, 0xe7, 0x00, 0x00, 0x00, 0x0f, 0x05], // xor edi, edi; mov eax, 231 (exit_group); syscall
    0xc3, // ret
  ]),
  arm64: Buffer.from(
    Uint32Array.of(
      ...[0xd2803668, 0xd4000001], // mov x8, 435 (clone3); svc 0
      ...[0xf100001f, 0x5400004c, 0xd65f03c0], // cmp x0, 0; b.gt over the ret of the new process, or of an error
      ...[0xd2800060, 0x92800001, 0xd2800002], // mov x0, 3; mov x1, -1; mov x2, 0
      ...[0xd2803688, 0xd4000001], // mov x8, 436 (close_range); svc 0
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
 * Goes on as another child of the same parent, in the same memory: vfork(2) for a sibling. Nothing is copied, at once or
 * page by page, as after a fork. Returns only in the new process, with the pid by which its parent knows it. The old one
 * waits until the new one has gone or is another program, and ends with 0; what a whole Node has to take down, it takes
 * down while that program runs already. @throws SyscallError
 */
export function vforkSibling(): number {
  prepareVfork();
  args.fill(0);
  args.writeBigUInt64LE(BigInt(CLONE_VM | CLONE_VFORK | CLONE_PARENT | CLONE_PARENT_SETTID), 0);
  args.writeBigUInt64LE(BigInt(koffi.address(pid)), 24);
  const errno = -(vfork?.(args, CLONE_ARGS_SIZE) ?? -ENOSYS);
  if (errno > 0) throw new SyscallError('clone3', errno, 'vfork');
  return pid.readInt32LE(0);
}
