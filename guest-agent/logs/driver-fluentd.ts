import { randomUUID } from 'node:crypto';
import type { Decoder, ExtData } from '@msgpack/msgpack';
import { invalidArgument, messageOf } from '../../contracts/errors.ts';
import { type DriverKind, type DriverRequest, type LogDriver, type LoggedLine, unknownOption } from './driver.ts';
import { parseBoolean, parseDuration, parseInteger, parseMemorySize } from './go-values.ts';
import { renderTag } from './log-tag.ts';
import { openStream, type Sender, type StreamAddress } from './senders.ts';

const known = [
  ...['env', 'env-regex', 'labels', 'labels-regex', 'tag', 'fluentd-address', 'fluentd-async'],
  ...['fluentd-async-reconnect-interval', 'fluentd-buffer-limit', 'fluentd-max-retries', 'fluentd-request-ack'],
  ...['fluentd-retry-wait', 'fluentd-sub-second-precision', 'fluentd-write-timeout', 'fluentd-read-timeout'],
];
const defaultAddress = '127.0.0.1:24224';
const defaultPort = 24224;
const defaultBufferBytes = 1 << 20;
const longestWaitMs = 60_000;
const ackTimeoutMs = 10_000;
/** Fluentd's own time with nanoseconds, an extension of msgpack. */
const eventTime = 0;

type Options = DriverRequest['options'];

function parseAddress(text: string): StreamAddress {
  const [, scheme = 'tcp', rest = ''] = /^(?:([a-z]*):\/\/)?(.*)$/.exec(text || defaultAddress) ?? [];
  if (scheme === 'unix') return { network: 'unix', path: rest };
  if (scheme !== 'tcp' && scheme !== 'tls') {
    throw invalidArgument(`invalid fluentd-address (${text}): unsupported scheme: '${scheme}'`);
  }
  const [, host = '', port] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(rest) ?? [];
  return {
    network: 'tcp',
    host,
    port: Number(port ?? defaultPort),
    ...(scheme === 'tls' ? { tls: {} } : {}),
  };
}

interface Settings {
  address: StreamAddress;
  async: boolean;
  bufferBytes: number;
  acknowledged: boolean;
  subSecond: boolean;
  most: number;
  retryWaitMs: number;
}

/** @throws invalid-argument in Docker's words */
function settingsOf(options: Options): Settings {
  const unknown = unknownOption(options, known);
  if (unknown) throw invalidArgument(`unknown log opt '${unknown}' for fluentd log driver`);
  const flag = (name: string): boolean => options[name] !== undefined && parseBoolean(options[name]);
  for (const name of ['write-timeout', 'read-timeout', 'async-reconnect-interval'])
    parseDuration(options[`fluentd-${name}`] ?? '0');
  return {
    address: parseAddress(options['fluentd-address'] ?? ''),
    async: flag('fluentd-async'),
    bufferBytes: options['fluentd-buffer-limit']
      ? parseMemorySize(options['fluentd-buffer-limit'])
      : defaultBufferBytes,
    acknowledged: flag('fluentd-request-ack'),
    subSecond: flag('fluentd-sub-second-precision'),
    most: options['fluentd-max-retries'] ? parseInteger(options['fluentd-max-retries'], 'ParseUint') : 2 ** 31 - 1,
    retryWaitMs: options['fluentd-retry-wait'] ? parseDuration(options['fluentd-retry-wait']) : 1000,
  };
}

const timeOf = (time: bigint, Extension: typeof ExtData | undefined): number | ExtData => {
  const seconds = Number(time / 1_000_000_000n);
  if (!Extension) return seconds;
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(seconds, 0);
  bytes.writeUInt32BE(Number(time % 1_000_000_000n), 4);
  return new Extension(eventTime, bytes);
};

function recordOf(
  { stream, line, partial }: LoggedLine,
  { subject, attributes }: DriverRequest,
): Record<string, string> {
  return {
    container_id: subject.id,
    container_name: `/${subject.name}`,
    source: stream,
    log: line.toString('utf8'),
    ...attributes,
    ...(partial
      ? {
          partial_message: 'true',
          partial_id: partial.id,
          partial_ordinal: String(partial.ordinal),
          partial_last: String(partial.last),
        }
      : {}),
  };
}

/** What the far end has said that it has. */
class Acknowledgements {
  readonly #waiting = new Map<string, () => void>();
  readonly #decoder: Decoder;

  constructor(decoder: Decoder) {
    this.#decoder = decoder;
  }

  /** @throws Error when it is not said in time */
  of(chunk: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#waiting.delete(chunk);
        reject(new Error('fluent#write: no acknowledgement'));
      }, ackTimeoutMs).unref();
      this.#waiting.set(chunk, () => {
        clearTimeout(late);
        resolve();
      });
    });
  }

  /** Nobody says anything any more. */
  giveUp(): void {
    for (const settle of this.#waiting.values()) settle();
    this.#waiting.clear();
  }

  take(data: Buffer): void {
    for (const answer of this.#decoder.decodeMulti(data)) {
      const { ack = '' } = answer as { ack?: string };
      this.#waiting.get(ack)?.();
      this.#waiting.delete(ack);
    }
  }
}

async function open(request: DriverRequest): Promise<LogDriver> {
  const { options, subject, lost, patient } = request;
  const settings = settingsOf(options);
  const tag = renderTag(options.tag ?? '{{.ID}}', subject);
  const msgpack = await import('@msgpack/msgpack'); // loaded when it is asked for
  const acknowledgements = new Acknowledgements(new msgpack.Decoder());
  const extension = settings.subSecond ? msgpack.ExtData : undefined;
  const retries = {
    most: settings.most,
    waitMs: (attempt: number) => Math.min(settings.retryWaitMs * 1.5 ** (attempt - 1), longestWaitMs),
  };
  const sender: Sender = await openStream(settings.address, {
    retries,
    patient: patient || settings.async,
    lost,
    onData: data => acknowledgements.take(data),
  });
  let buffered = 0;
  const send = (line: LoggedLine): Promise<void> | undefined => {
    const chunk = settings.acknowledged ? randomUUID() : undefined;
    const said = chunk && acknowledgements.of(chunk).catch(error => lost(messageOf(error)));
    const option = chunk ? { chunk } : {};
    const message = Buffer.from(msgpack.encode([tag, timeOf(line.time, extension), recordOf(line, request), option]));
    const sent = sender.send(message);
    if (!settings.async) return said ? Promise.all([sent, said]).then(() => undefined) : sent;
    buffered += message.length;
    void Promise.resolve(sent).then(() => {
      buffered -= message.length;
    });
    return undefined;
  };
  return {
    write: line => {
      if (buffered <= settings.bufferBytes) return send(line);
      lost(new Error('fluent#appendBuffer: Buffer full, limit'));
      return undefined;
    },
    close: async () => {
      await sender.close();
      acknowledgements.giveUp();
    },
  };
}

/** Fluentd's forward protocol, a message an event: https://docs.docker.com/engine/logging/drivers/fluentd/ */
export const fluentd: DriverKind = { check: options => void settingsOf(options), open };
