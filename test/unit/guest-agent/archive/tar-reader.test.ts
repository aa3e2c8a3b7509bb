import { Readable } from 'node:stream';
import * as tarStream from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { checksumOf, type TarEntry } from '../../../../guest-agent/archive/tar-format.ts';
import { TarReader } from '../../../../guest-agent/archive/tar-reader.ts';
import { encodeHeader, endOfArchive, padding } from '../../../../guest-agent/archive/tar-writer.ts';

const member = (fields: Partial<TarEntry> & { name: string }): TarEntry => ({
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: { seconds: 1_700_000_000, nanoseconds: 0 },
  linkName: '',
  device: { major: 0, minor: 0 },
  xattrs: new Map(),
  ...fields,
});

interface Seen {
  entry: TarEntry;
  data: string;
}

function read(archive: Buffer, pieceBytes = archive.length): Seen[] {
  const seen: Seen[] = [];
  const reader = new TarReader({
    entry: entry => void seen.push({ entry, data: '' }),
    data: chunk => {
      const last = seen.at(-1);
      if (last) last.data += chunk.toString('latin1');
    },
    end: () => undefined,
  });
  for (let at = 0; at < archive.length; at += pieceBytes) reader.push(archive.subarray(at, at + pieceBytes));
  reader.finish();
  return seen;
}

const file = (fields: Partial<TarEntry> & { name: string }, contents: string): Buffer =>
  Buffer.concat([
    encodeHeader(member({ ...fields, size: contents.length })),
    Buffer.from(contents, 'latin1'),
    padding(contents.length),
  ]);

const archive = (...members: Buffer[]): Buffer => Buffer.concat([...members, endOfArchive()]);

/** Changes a header block and makes its checksum right again. */
function patched(header: Buffer, change: (block: Buffer) => void): Buffer {
  const block = Buffer.from(header);
  change(block);
  block.write(`${checksumOf(block).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

const long = `deep/${'x'.repeat(120)}/${'y'.repeat(90)}`;
const everything = archive(
  encodeHeader(member({ name: 'etc/', type: 'directory', mode: 0o1777 })),
  file({ name: 'etc/motd', uid: 3_000_000, gid: 5 }, 'hello'),
  file({ name: long }, 'long'),
  file({ name: 'caf\xc3\xa9' }, 'utf-8'),
  file({ name: 'raw\xff' }, 'not utf-8'),
  file(
    { name: 'ping', mode: 0o4755, xattrs: new Map([['security.capability', Buffer.from('\x01\0\xff\n', 'latin1')]]) },
    'x',
  ),
  encodeHeader(member({ name: 'link', type: 'symlink', linkName: `/${long}` })),
  encodeHeader(member({ name: 'hard', type: 'hardLink', linkName: 'etc/motd' })),
  encodeHeader(member({ name: 'null', type: 'characterDevice', device: { major: 1, minor: 3 } })),
  encodeHeader(member({ name: 'fifo', type: 'fifo' })),
);

describe('what the writer writes', () => {
  it.each([1 << 20, 512, 1000, 7, 1])('the reader reads, in pieces of %i bytes', pieceBytes => {
    const seen = read(everything, pieceBytes);
    expect(seen.map(({ entry, data }) => [entry.type, entry.name, data])).toEqual([
      ['directory', 'etc/', ''],
      ['file', 'etc/motd', 'hello'],
      ['file', long, 'long'],
      ['file', 'caf\xc3\xa9', 'utf-8'],
      ['file', 'raw\xff', 'not utf-8'],
      ['file', 'ping', 'x'],
      ['symlink', 'link', ''],
      ['hardLink', 'hard', ''],
      ['characterDevice', 'null', ''],
      ['fifo', 'fifo', ''],
    ]);
    expect(seen[1]?.entry).toMatchObject({ uid: 3_000_000, gid: 5, mode: 0o644 });
    expect(seen[5]?.entry.mode).toBe(0o4755);
    expect(seen[5]?.entry.xattrs.get('security.capability')?.toString('latin1')).toBe('\x01\0\xff\n');
    expect(seen[6]?.entry.linkName).toBe(`/${long}`);
    expect(seen[8]?.entry.device).toEqual({ major: 1, minor: 3 });
  });

  it('another implementation reads', async () => {
    const names: string[] = [];
    const extract = tarStream.extract();
    extract.on('entry', (header, stream, next) => {
      names.push(header.name);
      stream.resume().on('end', next);
    });
    await new Promise((resolve, reject) =>
      extract
        .on('finish', () => resolve(undefined))
        .on('error', reject)
        .end(everything),
    );
    expect(names.slice(0, 4)).toEqual(['etc/', 'etc/motd', long, 'café']);
  });
});

it("reads another implementation's archives", async () => {
  const pack = tarStream.pack();
  pack.entry({ name: `a/${'b'.repeat(200)}`, mtime: new Date(1_500) }, 'body');
  pack.entry({ name: 's', type: 'symlink', linkname: 'somewhere' });
  pack.finalize();
  const seen = read(Buffer.concat(await Readable.from(pack).toArray()));
  expect(seen.map(({ entry }) => entry.name)).toEqual([`a/${'b'.repeat(200)}`, 's']);
  expect(seen[0]?.data).toBe('body');
});

describe('bad archives are refused', () => {
  const header = encodeHeader(member({ name: 'x', size: 1000 }));
  it.each([
    ['not a tar', Buffer.alloc(1024, 'x'), 'archive/tar: invalid tar header: checksum is not a number'],
    ['a flipped bit', Buffer.from(header).fill('y', 0, 1), 'checksum does not match'],
    ['cut in a header', header.subarray(0, 100), 'unexpected EOF'],
    ['cut in a body', Buffer.concat([header, Buffer.alloc(999)]), 'unexpected EOF'],
    ['cut in the padding', Buffer.concat([header, Buffer.alloc(1000)]), 'unexpected EOF'],
    ['a negative size', patched(header, block => block.fill(0xff, 124, 136)), 'size is negative'],
    [
      'a size beyond all',
      patched(header, block => block.fill(0x7f, 125, 136).fill(0x80, 124, 125)),
      'size is out of range',
    ],
    ['an unknown kind', patched(header, block => void block.write('V', 156)), 'unhandled tar header type 86'],
    [
      'an owner beyond all',
      patched(header, block => block.fill(0x7f, 109, 116).fill(0x80, 108, 109)),
      'uid is out of range',
    ],
  ])('%s', (_name, bytes, message) => {
    expect(() => read(bytes)).toThrow(message);
  });

  it('an extended header of 1 GiB is not kept in memory', () => {
    const huge = patched(header, block => {
      block.write('L', 156);
      block.write('10000000000\0', 124);
    });
    expect(() => read(huge)).toThrow('extended header is too long');
  });

  it.each(['5 a=b\n', '7 a=b', 'x a=b\n', '99 a=b\n', '6 abcd'])('pax record %j', record => {
    const pax = patched(encodeHeader(member({ name: 'p', size: record.length })), block => void block.write('x', 156));
    const bytes = Buffer.concat([pax, Buffer.from(record), padding(record.length), header]);
    expect(() => read(bytes)).toThrow('malformed pax record');
  });

  it('an archive may end without its two zero blocks, and carry anything behind them', () => {
    expect(read(file({ name: 'x' }, 'y'))).toHaveLength(1);
    expect(read(Buffer.concat([archive(file({ name: 'x' }, 'y')), Buffer.alloc(5000, 'z')]))).toHaveLength(1);
  });
});

/** A generator of numbers below `limit` that is the same in every run (Lehmer, "minimal standard"). */
function randomNumbers(seed: number): (limit: number) => number {
  let state = seed;
  return limit => {
    state = (state * 48_271) % 2_147_483_647;
    return state % limit;
  };
}

it('whatever is done to an archive, the reader reads it or refuses it', () => {
  const random = randomNumbers(42);
  const outcomes = { read: 0, refused: 0 };
  for (let round = 0; round < 3000; round++) {
    const spoilt = Buffer.from(everything);
    for (let change = random(4); change >= 0; change--) {
      const header = spoilt.subarray(random(spoilt.length / 512) * 512).subarray(0, 512);
      header[random(header.length)] = [0, 0xff, 0x30 + random(10), random(256)][random(4)] ?? 0;
      if (random(4) > 0) header.write(`${checksumOf(header).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    }
    try {
      read(spoilt.subarray(0, spoilt.length - random(2) * random(spoilt.length)));
      outcomes.read++;
    } catch (error) {
      expect(error).toMatchObject({ name: 'EngineError', kind: 'invalid-argument' });
      outcomes.refused++;
    }
  }
  expect(outcomes.read).toBeGreaterThan(100);
  expect(outcomes.refused).toBeGreaterThan(100);
});
