/** Programs for x86_64 of a few bytes, for images that must bring no file of the host. */

const loadedAt = 0x10000;
const headerSize = 120;

/** A static ELF file around `code`; `fixed`: at {@link loadedAt}, within the reach of 32-bit pointers. elf(5) */
function elf(code: Buffer, { fixed = false } = {}): Buffer {
  const file = Buffer.alloc(headerSize + code.length);
  const base = fixed ? BigInt(loadedAt) : 0n;
  file.write('\x7fELF\x02\x01\x01', 0, 'latin1');
  file.writeUInt16LE(fixed ? 2 : 3, 16); // ET_EXEC; ET_DYN: the kernel must be able to put an interpreter anywhere
  file.writeUInt16LE(62, 18); // EM_X86_64
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(base + BigInt(headerSize), 24); // entry
  file.writeBigUInt64LE(64n, 32); // program headers
  for (const [at, value] of [
    [52, 64],
    [54, 56],
    [56, 1],
  ] as const)
    file.writeUInt16LE(value, at);
  file.writeUInt32LE(1, 64); // PT_LOAD
  file.writeUInt32LE(5, 68); // read, execute
  file.writeBigUInt64LE(base, 80); // where
  file.writeBigUInt64LE(BigInt(file.length), 96);
  file.writeBigUInt64LE(BigInt(file.length), 104);
  file.writeBigUInt64LE(0x1000n, 112);
  code.copy(file, headerSize);
  return file;
}

/** `neg eax; mov edi, eax; mov eax, 60 (exit); syscall` */
const exitWithErrno = [0xf7, 0xd8, 0x89, 0xc7, 0xb8, 60, 0, 0, 0, 0x0f, 0x05];

/** `_exit(errno of access("/proc/self/exe", W_OK))` */
export function asksWhetherItselfIsWritable(): Buffer {
  const code = [0xbe, 2, 0, 0, 0, 0xb8, 21, 0, 0, 0, 0x0f, 0x05, ...exitWithErrno];
  const lea = [0x48, 0x8d, 0x3d, code.length, 0, 0, 0]; // lea rdi, [rip + …]: the path behind the code
  return elf(Buffer.concat([Buffer.from([...lea, ...code]), Buffer.from('/proc/self/exe\0')]));
}

/** `for (;;) pause()` */
export const pauses = (): Buffer => elf(Buffer.from([0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7]));

/** `_exit(errno of socketcall(SYS_SOCKET, {family, SOCK_STREAM, 0}))`, through the door of 32-bit programs. */
export function asksForSocketTheOldWay(family: number): Buffer {
  const before = [0xb8, 102, 0, 0, 0, 0xbb, 1, 0, 0, 0]; // mov eax, 102 (socketcall); mov ebx, 1 (SYS_SOCKET)
  const after = [0xcd, 0x80, ...exitWithErrno]; // int 0x80
  const words = Buffer.alloc(12);
  words.writeUInt32LE(family, 0);
  words.writeUInt32LE(1, 4);
  const mov = Buffer.alloc(5);
  mov.writeUInt8(0xb9); // mov ecx, the words behind the code
  mov.writeUInt32LE(loadedAt + headerSize + before.length + mov.length + after.length, 1);
  return elf(Buffer.concat([Buffer.from(before), mov, Buffer.from(after), words]), { fixed: true });
}

/** `_exit(42)`, and nothing before it. */
export const ends = (): Buffer => elf(Buffer.from([0xbf, 42, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05]));
