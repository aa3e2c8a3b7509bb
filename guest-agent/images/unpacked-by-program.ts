import { spawn } from 'node:child_process';
import { PassThrough, type Readable } from 'node:stream';
import { internal } from '../../contracts/errors.ts';

/** The first bytes of what Node cannot unpack, and the program that does: dockerd calls them, too. */
const programs: readonly { start: Buffer; program: string }[] = [
  { start: Buffer.from([0xfd, 0x37, 0x7a, 0x58]), program: 'xz' },
  { start: Buffer.from('BZh'), program: 'bzip2' },
];

/** The program that unpacks what begins so. */
export const programFor = (start: Buffer): string | undefined =>
  programs.find(known => start.subarray(0, known.start.length).equals(known.start))?.program;

/** What `program` makes of `source`. The stream's error is internal when the program is not there or not content. */
export function unpackedBy(program: string, source: Readable): Readable & { packedBytes(): number } {
  const child = spawn(program, ['-d', '-c', '-q'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const output = new PassThrough();
  const fail = (why: string, cause?: unknown): void => void output.destroy(internal(why, { cause }));
  child.once('error', error => fail(`exec: ${JSON.stringify(program)}: executable file not found in $PATH`, error));
  child.stdin.on('error', () => undefined); // it has ended, which is told below
  source.once('error', error => output.destroy(error));
  let packed = 0;
  source.on('data', (chunk: Buffer) => {
    packed += chunk.length;
  });
  source.pipe(child.stdin);
  child.stdout.pipe(output, { end: false });
  child.once('close', code => (code === 0 ? output.end() : fail(`${program}: exit status ${code}`)));
  output.once('close', () => child.kill());
  return Object.assign(output, { packedBytes: () => packed });
}
