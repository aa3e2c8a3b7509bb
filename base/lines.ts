const longestLine = 16 * 1024 * 1024;

/**
 * Cuts a byte stream into lines (without their `\n`); the last one comes even when it has no end.
 * @throws Error when a line grows beyond 16 MiB: the other side may be a machine that somebody else has taken over
 */
export async function* linesOf(source: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let start = 0;
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10, start)) {
      yield rest.toString('utf8', start, end);
      start = end + 1;
    }
    rest = rest.subarray(start);
    if (rest.length > longestLine) throw new Error('a line is too long');
  }
  if (rest.length > 0) yield rest.toString('utf8');
}
