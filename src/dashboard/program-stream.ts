import type { ChildProcess } from 'node:child_process';
import { Transform } from 'node:stream';
import { unavailable } from '../../contracts/errors.ts';
import type { ServedStream } from './stream.ts';

/** Of what a program says, so many characters at its end are kept: why it failed is there. */
const kept = 2000;

/**
 * Sends what a program says, and interrupts it when the window wants no more. Its exit code and the end of what it said.
 * @throws unavailable when there is no such program
 */
export async function streamProgram(
  child: ChildProcess,
  stream: ServedStream,
): Promise<{ code: number | null; said: string }> {
  let said = '';
  const output = new Transform({
    transform(part: Buffer, _encoding, done) {
      said = (said + part.toString()).slice(-kept);
      done(null, part);
    },
  });
  child.stdin?.on('error', () => undefined);
  child.stdin?.end();
  child.stdout?.pipe(output, { end: false });
  child.stderr?.pipe(output, { end: false });
  stream.signal.addEventListener('abort', () => child.kill('SIGINT'));
  const over = endOf(child).finally(() => output.end());
  const [code] = await Promise.all([over, stream.pipe(output)]);
  return { code, said };
}

/** The exit code. @throws unavailable when there is no such program */
export function endOf(child: ChildProcess): Promise<number | null> {
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once('error', cause =>
    reject(unavailable(`${child.spawnfile} could not be started: ${cause.message}`, { cause })),
  );
  child.once('close', resolve);
  return promise;
}
