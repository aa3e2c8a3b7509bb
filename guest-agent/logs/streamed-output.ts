import type { Log } from '../../base/log.ts';
import { type ContainerOutput, Listeners, type OutputListener } from './container-output.ts';
import type { StreamName } from './json-line.ts';
import type { InputStream } from './logged-output.ts';
import type { Pump, PumpedSource } from './pump.ts';

/**
 * Output that is kept nowhere: of `docker exec`, and of containers with the log driver `none`. What comes before
 * somebody listens is gone, so subscribe at once.
 */
export class StreamedOutput implements ContainerOutput {
  readonly ended: Promise<void>;
  readonly #sources: PumpedSource[] = [];
  readonly #listeners = new Listeners();
  #open: number;
  #resolveEnded: () => void = () => {};
  #cut = false;
  #taken = 0;

  constructor(pump: Pump, streams: Partial<Record<StreamName, InputStream>>, log: Log) {
    this.ended = new Promise(resolve => {
      this.#resolveEnded = resolve;
    });
    const inputs = Object.entries(streams) as [StreamName, InputStream][];
    this.#open = inputs.length;
    for (const [stream, input] of inputs) this.#add(pump, stream, input, log);
  }

  subscribe(listener: OutputListener): () => void {
    return this.#listeners.add(listener);
  }

  get taken(): number {
    return this.#taken;
  }

  cut(): void {
    this.#cut = true;
    for (const source of this.#sources) source.cut();
  }

  close(): void {
    if (!this.#cut) for (const source of this.#sources) source.drop();
  }

  #add(pump: Pump, stream: StreamName, input: InputStream, log: Log): void {
    let offset = 0;
    // One after the other: the next bytes are told when all have taken these.
    let last: Promise<unknown> = Promise.resolve();
    let idle = true;
    const deliver = (bytes: Buffer): Promise<unknown> | undefined => {
      const waiting = this.#listeners.tell(stream, bytes);
      const done = (): void => {
        offset += bytes.length;
        this.#taken += bytes.length;
        source.processed(offset);
      };
      if (waiting) return waiting.then(done);
      done();
      return undefined;
    };
    const inOrder = (task: () => Promise<unknown> | undefined): void => {
      const started = idle ? task() : last.then(task);
      if (!started) return;
      idle = false;
      const mine = started.then(() => {
        if (last === mine) idle = true;
      });
      last = mine;
    };
    const source = pump.add({
      ...input,
      how: 'read',
      offset: 0,
      onData: bytes => bytes && inOrder(() => deliver(bytes)),
      onEnd: error => {
        if (error) log.error('Output was lost', { stream, error });
        inOrder(() => {
          this.#open--;
          if (this.#open === 0) this.#resolveEnded();
          return undefined;
        });
      },
    });
    this.#sources.push(source);
  }
}
