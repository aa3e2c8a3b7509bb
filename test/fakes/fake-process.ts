import { PassThrough, Writable } from 'node:stream';
import type { AttachRequest, AttachSession } from '../../guest-agent/engine/index.ts';
import type { OutputChunk } from '../../guest-agent/logs/index.ts';

type Output = (stream: 'stdout' | 'stderr', text: string | Buffer) => void;
type Program = (call: { args: string[]; stdin: PassThrough; write: Output; ended: AbortSignal }) => Promise<number>;

const waitFor = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });

/** What a fake container can run. */
const programs: Record<string, Program> = {
  true: async () => 0,
  false: async () => 1,
  echo: async ({ args, write }) => {
    write('stdout', `${args.join(' ')}\n`);
    return 0;
  },
  /** Both streams, in turns. */
  both: async ({ write }) => {
    write('stdout', 'out\n');
    write('stderr', 'err\n');
    return 3;
  },
  cat: async ({ stdin, write }) => {
    for await (const chunk of stdin as AsyncIterable<Buffer>) write('stdout', chunk);
    return 0;
  },
  /** As many bytes as asked for, in pieces of 64 KiB. */
  flood: async ({ args, write }) => {
    const piece = Buffer.alloc(64 * 1024, 'x');
    for (let left = Number(args[0]); left > 0; left -= piece.length) {
      write('stdout', piece.subarray(0, Math.min(left, piece.length)));
      await new Promise(setImmediate);
    }
    return 0;
  },
  sleep: async ({ args, ended }) => {
    await waitFor(Number(args[0]) * 1000, ended);
    return ended.aborted ? 137 : 0;
  },
};

/** A process in memory: a program, its standard streams, an exit code. */
export class FakeProcess {
  readonly terminal: boolean;
  readonly exited: Promise<number>;
  readonly log: OutputChunk[] = [];
  size: { rows: number; columns: number } | undefined;
  finished = false;
  readonly #stdin = new PassThrough();
  readonly #end = new AbortController();
  readonly #listeners = new Set<() => void>();

  constructor(command: readonly string[], terminal: boolean) {
    this.terminal = terminal;
    const [name = '', ...args] = command;
    const program = programs[name];
    if (!program) throw new Error(`exec: "${name}": executable file not found in $PATH`);
    const write: Output = (stream, text) => {
      this.log.push({ stream: terminal ? 'stdout' : stream, data: Buffer.from(text), time: new Date() });
      this.#tell();
    };
    this.exited = Promise.race([
      program({ args, stdin: this.#stdin, write, ended: this.#end.signal }),
      new Promise<number>(resolve => this.#end.signal.addEventListener('abort', () => resolve(137))),
    ]).finally(() => {
      this.finished = true;
      this.#tell();
    });
  }

  kill(): void {
    this.#end.abort();
  }

  /** What is logged from `start` on, then live output if asked to `follow`. */
  async *output(start: number, follow: boolean, signal?: AbortSignal): AsyncGenerator<OutputChunk> {
    for (let at = start; !signal?.aborted; ) {
      const chunk = this.log[at];
      if (chunk) {
        at++;
        yield chunk;
      } else if (!follow || this.finished) return;
      else await this.#news(signal);
    }
  }

  attach(request: Pick<AttachRequest, 'stdin' | 'stdout' | 'stderr' | 'logs'>): AttachSession {
    const closed = new AbortController();
    const source = this.output(request.logs ? 0 : this.log.length, true, closed.signal);
    async function* wanted(): AsyncGenerator<OutputChunk> {
      for await (const chunk of source) if (request[chunk.stream]) yield chunk;
    }
    const stdin = this.#stdin;
    const input = request.stdin
      ? new Writable({
          write: (chunk, _encoding, done) => stdin.write(chunk, () => done()),
          final: done => stdin.end(done),
        })
      : undefined;
    return { terminal: this.terminal, output: wanted(), input, close: () => closed.abort() };
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #news(signal?: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const done = (): void => {
        this.#listeners.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      this.#listeners.add(done);
      signal?.addEventListener('abort', done);
    });
  }
}
