import type { DriverKind, DriverRequest, LogDriver, LoggedLine } from './driver.ts';
import { fluentd } from './driver-fluentd.ts';
import { gelf } from './driver-gelf.ts';
import { journald } from './driver-journald.ts';
import { syslog } from './driver-syslog.ts';
import { parseMemorySize } from './go-values.ts';

/** The drivers that take a log elsewhere. */
export const remoteDrivers: Readonly<Record<string, DriverKind>> = { fluentd, gelf, journald, syslog };

/** Of what waits in the mode `non-blocking`. */
const defaultBufferBytes = 1 << 20;

/** Opens a container's driver in the mode that its options want. @throws Error in Docker's words */
export async function openDriver(kind: DriverKind, request: DriverRequest): Promise<LogDriver> {
  const { mode, 'max-buffer-size': size } = request.options;
  const own = Object.entries(request.options).filter(([name]) => !/^(mode|max-buffer-size|cache-.*)$/.test(name));
  const driver = await kind.open({ ...request, options: Object.fromEntries(own) });
  if (mode !== 'non-blocking') return driver;
  return new BufferedDriver(driver, size ? parseMemorySize(size) : defaultBufferBytes);
}

/** Never lets the container wait: what does not fit is lost, the newest first, as Docker's ring does. */
class BufferedDriver implements LogDriver {
  readonly #driver: LogDriver;
  readonly #mostBytes: number;
  readonly #waiting: LoggedLine[] = [];
  #bytes = 0;
  #sending: Promise<void> | undefined;

  constructor(driver: LogDriver, mostBytes: number) {
    this.#driver = driver;
    this.#mostBytes = mostBytes;
  }

  write(line: LoggedLine): undefined {
    if (!this.#sending) {
      const slow = this.#driver.write(line);
      if (slow) this.#sending = slow.then(() => this.#sendOn());
      return;
    }
    if (this.#bytes > 0 && this.#bytes + line.line.length > this.#mostBytes) return;
    this.#bytes += line.line.length;
    this.#waiting.push({ ...line, line: Buffer.from(line.line) });
  }

  async close(): Promise<void> {
    const sending = this.#sending;
    await this.#driver.close();
    await sending;
  }

  async #sendOn(): Promise<void> {
    for (let line = this.#waiting.shift(); line; line = this.#waiting.shift()) {
      this.#bytes -= line.line.length;
      await this.#driver.write(line);
    }
    this.#sending = undefined;
  }
}
