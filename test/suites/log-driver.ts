import { expect, it } from 'vitest';
import type { LogDriver, LoggedLine } from '../../guest-agent/logs/driver.ts';
import { openDriver, remoteDrivers } from '../../guest-agent/logs/remote-drivers.ts';
import { eventually } from '../support/eventually.ts';

/** What takes a log, on this host. */
export interface Receiver {
  /** The driver's options that lead here. */
  options: Record<string, string>;
  /** Texts that came, and from which stream, in order. */
  received(): { text: string; isError: boolean }[];
  close(): Promise<void>;
}

const subject = {
  id: 'c'.repeat(64),
  name: 'lg',
  imageId: `sha256:${'d'.repeat(64)}`,
  imageName: 'busybox',
  command: ['echo', 'x'],
  createdAt: '2026-01-01T00:00:00Z',
};

const line = (text: string, stream: LoggedLine['stream'] = 'stdout'): LoggedLine => ({
  stream,
  line: Buffer.from(text),
  time: 1_795_232_182_123_456_789n,
});

async function open(type: string, options: Record<string, string>, patient = false): Promise<LogDriver> {
  const kind = remoteDrivers[type];
  if (!kind) throw new Error(`there is no driver ${type}`);
  return openDriver(kind, { options, subject, attributes: { a: '1' }, patient, lost: () => undefined });
}

/** What every driver does, whatever it sends. `connected`: it knows at once whether somebody is there. */
export function logDriverSuite(type: string, way: string, start: () => Promise<Receiver>, connected: boolean): void {
  it(`${type} over ${way} brings all lines in order, and says which are errors`, async () => {
    const receiver = await start();
    const driver = await open(type, receiver.options);
    const sent = ['one', 'two', 'dré', 'x'.repeat(16_000), 'end'].map((text, at) => ({ text, isError: at === 1 }));
    for (const { text, isError } of sent) await driver.write(line(text, isError ? 'stderr' : 'stdout'));
    await driver.close();
    await eventually('all lines are there', () => receiver.received().length === sent.length);
    expect(receiver.received()).toEqual(sent);
    await receiver.close();
  });

  if (!connected) return; // such a driver never hears that nobody is there
  it(`${type} over ${way} cannot start when nobody is there, unless it may be late`, async () => {
    const receiver = await start();
    await receiver.close();
    await expect(open(type, receiver.options)).rejects.toThrow(
      /connect: (connection refused|no such file or directory)$/,
    );
    const late = await open(type, { ...receiver.options, mode: 'non-blocking' }, true);
    await late.write(line('lost, perhaps'));
    await late.close();
  });
}
