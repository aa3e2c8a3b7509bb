import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { invalidArgument } from '../../contracts/errors.ts';
import { type DriverKind, type DriverRequest, type LogDriver, unknownOption } from './driver.ts';
import { toRfc3339Nano } from './json-line.ts';
import { renderTag } from './log-tag.ts';
import { openUnixDatagrams } from './senders.ts';

const socketPath = '/run/systemd/journal/socket';
const known = ['labels', 'labels-regex', 'env', 'env-regex', 'tag'];
const priorities = { stdout: 6, stderr: 3 } as const;

/** A field of the journal's native protocol: text with a line break in it needs its length before it. */
function field(name: string, value: Buffer | string): Buffer {
  const bytes = Buffer.from(value);
  if (!bytes.includes(10)) return Buffer.concat([Buffer.from(`${name}=`), bytes, Buffer.from('\n')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, Buffer.from('\n')]);
}

/** The journal takes capitals, digits and underscores, and no name that begins with the last. */
const fieldName = (name: string): string =>
  name
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, '_')
    .replace(/^_+/, '');

async function open({ options, subject, attributes, lost }: DriverRequest): Promise<LogDriver> {
  if (!existsSync(socketPath)) throw new Error('journald is not enabled on this host');
  const tag = renderTag(options.tag ?? '{{.ID}}', subject);
  const constant = Buffer.concat([
    field('CONTAINER_ID', subject.id.slice(0, 12)),
    field('CONTAINER_ID_FULL', subject.id),
    field('CONTAINER_NAME', subject.name),
    field('CONTAINER_TAG', tag),
    field('IMAGE_NAME', subject.imageName),
    field('SYSLOG_IDENTIFIER', tag),
    ...Object.entries(attributes).map(([name, value]) => field(fieldName(name), value)),
    field('CONTAINER_LOG_EPOCH', randomBytes(32).toString('hex')),
  ]);
  let ordinal = 0;
  const sender = openUnixDatagrams(socketPath, lost);
  return {
    write: ({ stream, line, time, partial }) =>
      sender.send(
        Buffer.concat([
          field('MESSAGE', line),
          field('PRIORITY', String(priorities[stream])),
          constant,
          field('CONTAINER_LOG_ORDINAL', String(++ordinal)),
          field('SYSLOG_TIMESTAMP', toRfc3339Nano(time)),
          ...(partial ? [field('CONTAINER_PARTIAL_MESSAGE', 'true')] : []),
        ]),
      ),
    close: () => sender.close(),
  };
}

function check(options: DriverRequest['options']): void {
  const unknown = unknownOption(options, known);
  if (unknown) throw invalidArgument(`unknown log opt '${unknown}' for journald log driver`);
}

/** The systemd journal, where there is one. */
export const journald: DriverKind = { check, open };
