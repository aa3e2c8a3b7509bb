/**
 * A ROM of 64 KiB (the BIOS area ends at 4 GiB; the CPU starts at its last 16 bytes, in real mode) that enters protected
 * mode, then long mode with 2 MiB pages, counts to twenty million in 64-bit code and says so on `isa-debug-exit`.
 * A kernel needs all of that; an accelerator that only opens, or only runs real mode, does not get through it.
 * Encodings: Intel SDM vol. 2; the way into long mode: vol. 3A §10.8.5.
 */
export function probeRom(): Buffer {
  const rom = Buffer.alloc(0x10000, 0xf4); // hlt: a lost CPU stops
  const put = (at: number, ...bytes: number[]): void => {
    rom.set(bytes, at);
  };
  // F000:FFF0, where the CPU starts:  jmp F000:0000
  put(0xfff0, 0xea, 0x00, 0x00, 0x00, 0xf0);
  put(0, ...realMode);
  put(protectedAt, ...protectedMode);
  put(longAt, ...longMode);
  put(gdtAt, ...gdt);
  put(gdtPointerAt, ...gdtPointer);
  return rom;
}

/** The value written to the exit device, and what QEMU makes of it as its exit status: (value << 1) | 1. */
const exitValue = 0x10;
export const probePassed = (exitValue << 1) | 1;
/** `-device isa-debug-exit,iobase=…,iosize=…` */
export const probeDevice = 'isa-debug-exit,iobase=0xf4,iosize=0x04';

const protectedAt = 0x40;
const longAt = 0x100;
const gdtAt = 0x180;
const gdtPointerAt = 0x1a0;
/** Where the ROM's first byte is in the physical address space: 64 KiB below 4 GiB, and aliased below 1 MiB. */
const base = 0xf0000;

const le32 = (value: number): number[] => [value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >>> 24) & 255];

/** Flat segments: null, 32-bit code (08), data (10), 64-bit code (18). */
const gdt = [
  [0, 0, 0, 0, 0, 0, 0, 0],
  [0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0],
  [0xff, 0xff, 0, 0, 0, 0x93, 0xcf, 0],
  [0xff, 0xff, 0, 0, 0, 0x9b, 0xaf, 0],
].flat();
const gdtPointer = [gdt.length - 1, 0, ...le32(base + gdtAt)];

const realMode = [
  [0xfa], // cli
  [0x2e, 0x66, 0x0f, 0x01, 0x16, gdtPointerAt & 255, gdtPointerAt >> 8], // o32 lgdt cs:[gdtPointer]
  [0x0f, 0x20, 0xc0], // mov eax, cr0
  [0x66, 0x83, 0xc8, 0x01], // or eax, 1 (PE)
  [0x0f, 0x22, 0xc0], // mov cr0, eax
  [0x66, 0xea, ...le32(base + protectedAt), 0x08, 0x00], // jmp 08:protected
].flat();

/** Page tables in RAM: PML4 at 0x1000, PDPT at 0x2000, one page directory at 0x3000 whose first page is the low 2 MiB. */
const protectedMode = [
  [0x66, 0xb8, 0x10, 0x00], // mov ax, 0x10
  [0x8e, 0xd8], // mov ds, ax
  [0x8e, 0xc0], // mov es, ax
  [0x8e, 0xd0], // mov ss, ax
  [0xc7, 0x05, ...le32(0x1000), ...le32(0x2003)], // mov dword [PML4], PDPT | present, writable
  [0xc7, 0x05, ...le32(0x1004), ...le32(0)],
  [0xc7, 0x05, ...le32(0x2000), ...le32(0x3003)], // PDPT[0] = page directory
  [0xc7, 0x05, ...le32(0x2004), ...le32(0)],
  [0xc7, 0x05, ...le32(0x3000), ...le32(0x83)], // PD[0] = 0 .. 2 MiB, large page
  [0xc7, 0x05, ...le32(0x3004), ...le32(0)],
  [0x0f, 0x20, 0xe0], // mov eax, cr4
  [0x83, 0xc8, 0x20], // or eax, 0x20 (PAE)
  [0x0f, 0x22, 0xe0], // mov cr4, eax
  [0xb8, ...le32(0x1000)], // mov eax, PML4
  [0x0f, 0x22, 0xd8], // mov cr3, eax
  [0xb9, ...le32(0xc0000080)], // mov ecx, IA32_EFER
  [0x0f, 0x32], // rdmsr
  [0x0d, ...le32(0x100)], // or eax, LME
  [0x0f, 0x30], // wrmsr
  [0x0f, 0x20, 0xc0], // mov eax, cr0
  [0x0d, ...le32(0x80000000)], // or eax, PG
  [0x0f, 0x22, 0xc0], // mov cr0, eax
  [0xea, ...le32(base + longAt), 0x18, 0x00], // jmp 18:long
].flat();

const longMode = [
  [0x48, 0xb9, ...le32(20_000_000), 0, 0, 0, 0], // mov rcx, 20000000
  [0x48, 0xff, 0xc9], // dec rcx
  [0x75, 0xfb], // jnz to the dec
  [0xb0, exitValue], // mov al, exitValue
  [0xe6, 0xf4], // out 0xf4, al
  [0xf4], // hlt
].flat();
