/** Of a file's header: which processor it is for (elf(5), e_machine). */
const machines = { amd64: 62, arm64: 183 } as const;
export type Processor = keyof typeof machines;

/** Where the program is in memory. */
const baseAddress = 0x400000;
const headersSize = 64 + 56;
/** Address of the first instruction. */
export const codeAddress = baseAddress + headersSize;

/** A static ELF executable of one segment, which is read and executed only (elf(5)). It starts at its first byte. */
export function staticExecutable(processor: Processor, code: Buffer): Buffer {
  const header = Buffer.alloc(headersSize);
  header.write('\x7fELF\x02\x01\x01', 0, 'latin1'); // 64 bits, little endian
  header.writeUInt16LE(2, 16); // executable
  header.writeUInt16LE(machines[processor], 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(codeAddress), 24); // entry
  header.writeBigUInt64LE(64n, 32); // program headers
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(1, 56);
  header.writeUInt16LE(64, 58); // size of a section header, of which there are none
  header.writeUInt32LE(1, 64); // load
  header.writeUInt32LE(5, 68); // readable, executable
  header.writeBigUInt64LE(BigInt(baseAddress), 80);
  header.writeBigUInt64LE(BigInt(baseAddress), 88);
  header.writeBigUInt64LE(BigInt(headersSize + code.length), 96);
  header.writeBigUInt64LE(BigInt(headersSize + code.length), 104);
  header.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([header, code]);
}
