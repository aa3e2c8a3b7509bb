import { isDeepStrictEqual } from 'node:util';
import { EngineError } from '../../contracts/errors.ts';
import { mediaTypes } from '../../contracts/oci/descriptor.ts';
import { familiar, parseReference, toText } from '../../contracts/oci/reference.ts';
import { checksumOf, type TarEntry } from '../../guest-agent/archive/tar-format.ts';
import { TarReader, type TarSink } from '../../guest-agent/archive/tar-reader.ts';
import { parseConfig, parseManifest } from '../../guest-agent/images/manifests.ts';

/** What is fed to each reader of hostile input; throws where the reader is wrong, not where it refuses. */
export const targets: Record<string, (data: Buffer) => void> = {
  archive: fuzzArchive,
  reference: fuzzReference,
  manifest: fuzzManifest,
};

/** What `read` makes of input, or the refusal of it in the engine's own words; anything else that it throws is a bug. */
function outcomeOf<T>(read: () => T): { value: T } | { refusal: string } {
  try {
    return { value: read() };
  } catch (error) {
    if (error instanceof EngineError && error.kind === 'invalid-argument') return { refusal: error.message };
    throw error;
  }
}

function assert(holds: boolean, what: string): void {
  if (!holds) throw new Error(`broken: ${what}`);
}

/** Any pieces of an archive tell the same, and members come with exactly the contents that they announce. */
function fuzzArchive(data: Buffer): void {
  const archive = withChecksums(data);
  const whole = outcomeOf(() => membersOf([archive]));
  const piece = 1 + ((data[0] ?? 0) % 200);
  const pieces = Array.from({ length: Math.ceil(archive.length / piece) }, (_, index) =>
    archive.subarray(index * piece, (index + 1) * piece),
  );
  assert(
    isDeepStrictEqual(
      outcomeOf(() => membersOf(pieces)),
      whole,
    ),
    'pieces tell something else',
  );
}

function membersOf(pieces: Buffer[]): TarEntry[] {
  const sink = new StrictSink();
  const reader = new TarReader(sink);
  for (const piece of pieces) reader.push(piece);
  reader.finish();
  assert(sink.bytes === pieces.reduce((sum, { length }) => sum + length, 0), 'bytes were lost or doubled');
  return sink.entries;
}

class StrictSink implements TarSink {
  readonly entries: TarEntry[] = [];
  bytes = 0;
  #missing = -1;

  entry(entry: TarEntry): void {
    assert(this.#missing === -1, 'an entry before the end of the last');
    for (const value of [entry.size, entry.uid, entry.gid, entry.mode]) assert(value >= 0, 'a negative number');
    this.#missing = (entry.fragments ?? [{ length: entry.size }]).reduce((sum, { length }) => sum + length, 0);
    this.entries.push(entry);
  }

  data(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.#missing -= chunk.length;
    assert(this.#missing >= 0, 'more contents than were announced');
  }

  end(): void {
    assert(this.#missing === 0, 'fewer contents than were announced');
    this.#missing = -1;
  }

  around(bytes: Buffer): void {
    this.bytes += bytes.length;
  }
}

/** Right sums at each block that could be a header, which no fuzzer would guess. */
function withChecksums(data: Buffer): Buffer {
  const archive = Buffer.from(data);
  for (let at = 0; at + 512 <= archive.length; at += 512) {
    const block = archive.subarray(at, at + 512);
    if (block.every(byte => byte === 0)) continue;
    block.write(`${checksumOf(block).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  }
  return archive;
}

/**
 * A name that is read stays what it is when it is written and read again, short or whole. But that of a repository of
 * Docker's which begins like a host (`docker.io/r.io/app`) is another's when it is short, with dockerd too, and one that is called
 * like an image's id (`library/` and 64 digits) is none.
 */
function fuzzReference(data: Buffer): void {
  const read = outcomeOf(() => parseReference(data.toString('utf8')));
  if ('refusal' in read) return;
  const { value } = read;
  const meansOther = /^[^/]*[.][^/]*\/|^localhost\/|^library\/[0-9a-f]{64}$/.test(value.path);
  for (const text of [toText(value), ...(meansOther ? [] : [familiar(value)])]) {
    assert(isDeepStrictEqual(parseReference(text), value), `${text} is another reference`);
  }
}

const manifestTypes = [
  mediaTypes.ociManifest,
  mediaTypes.ociIndex,
  mediaTypes.dockerManifest,
  mediaTypes.dockerIndex,
  '',
];

/** What is let through can be used without a further look. */
function fuzzManifest(data: Buffer): void {
  const type = manifestTypes[(data[0] ?? 0) % manifestTypes.length] ?? '';
  const body = data.subarray(1);
  const read = outcomeOf(() => parseManifest(body, type));
  if ('value' in read) {
    const { value } = read;
    const named = value.kind === 'index' ? value.index.manifests : [value.manifest.config, ...value.manifest.layers];
    for (const { digest, size } of named) assert(digest.startsWith('sha256:') && size >= 0, 'a bad descriptor');
  }
  const config = outcomeOf(() => parseConfig(body));
  if ('value' in config) assert(Array.isArray(config.value.rootfs.diff_ids), 'no list of layers');
}
