import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import tar from 'tar-stream';
import { codeAddress, type Processor, staticExecutable } from '../base/elf.ts';

/**
 * The hello image: one static program of a few hundred bytes, for both architectures, that says hello and ends. It is the
 * proof that a container runs, without a registry and without a byte that we did not write.
 */

const message = `Hello from Berth!

This text was printed by a container: an image was loaded, its layer unpacked, and
its program started as process 1 of its own namespaces, by Berth's own engine.

Next: docker run -it --rm debian bash
`;

/** write(1, message, length); exit(0): see syscall(2) for the registers. */
const programs: Record<Processor, (address: number, length: number) => Buffer> = {
  amd64: (address, length) => {
    const code = Buffer.from(
      [
        'b801000000', // mov eax, 1 (write)
        'bf01000000', // mov edi, 1
        'be00000000', // mov esi, address
        'ba00000000', // mov edx, length
        '0f05', // syscall
        'b83c000000', // mov eax, 60 (exit)
        '31ff', // xor edi, edi
        '0f05', // syscall
      ].join(''),
      'hex',
    );
    code.writeUInt32LE(address, 11);
    code.writeUInt32LE(length, 16);
    return code;
  },
  arm64: (address, length) => {
    const movz = (register: number, value: number): number => (0xd2800000 | (value << 5) | register) >>> 0;
    const movkHigh = (register: number, value: number): number => (0xf2a00000 | (value << 5) | register) >>> 0;
    const svc = 0xd4000001;
    const words = [
      movz(0, 1),
      movz(1, address & 0xffff),
      movkHigh(1, address >>> 16),
      movz(2, length),
      movz(8, 64), // write
      svc,
      movz(0, 0),
      movz(8, 93), // exit
      svc,
    ];
    const code = Buffer.alloc(words.length * 4);
    for (const [index, word] of words.entries()) code.writeUInt32LE(word, index * 4);
    return code;
  },
};

/** A static executable that says hello. */
export function helloProgram(architecture: Processor): Buffer {
  const code = programs[architecture];
  const text = Buffer.from(message);
  const codeSize = code(0, 0).length;
  return staticExecutable(architecture, Buffer.concat([code(codeAddress + codeSize, text.length), text]));
}

const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

async function packed(entries: Record<string, { content: Buffer; mode: number }>): Promise<Buffer> {
  const pack = tar.pack();
  for (const [name, { content, mode }] of Object.entries(entries))
    pack.entry({ name, mode, mtime: new Date(0) }, content);
  pack.finalize();
  return Buffer.concat(await Array.fromAsync(pack as AsyncIterable<Buffer>));
}

/** A docker-archive with the image `hello-berth:latest`. */
export async function helloArchive(architecture: Processor): Promise<Buffer> {
  const layer = await packed({ hello: { content: helloProgram(architecture), mode: 0o755 } });
  const config = JSON.stringify({
    architecture,
    os: 'linux',
    created: '2026-01-01T00:00:00Z',
    config: { Cmd: ['/hello'], WorkingDir: '/' },
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
    history: [{ created: '2026-01-01T00:00:00Z', created_by: 'berth' }],
  });
  const manifest = [{ Config: `${sha256(config)}.json`, RepoTags: ['hello-berth:latest'], Layers: ['layer.tar'] }];
  return packed({
    'layer.tar': { content: layer, mode: 0o644 },
    [`${sha256(config)}.json`]: { content: Buffer.from(config), mode: 0o644 },
    'manifest.json': { content: Buffer.from(JSON.stringify(manifest)), mode: 0o644 },
  });
}

if (import.meta.main) {
  const output = join(dirname(import.meta.dirname), 'dist');
  mkdirSync(output, { recursive: true });
  for (const architecture of ['amd64', 'arm64'] as const) {
    writeFileSync(join(output, `hello-${architecture}.tar`), await helloArchive(architecture));
  }
}
