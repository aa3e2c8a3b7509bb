import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { engineForTests } from '../support/engine-for-tests.ts';
import { busyboxArchive } from '../support/images.ts';
import { freePort } from '../support/registry.ts';

const times = process.env.BERTH_TEST_LONG ? 1000 : 30;

/** True when something listens there. */
function isOpen(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

describe('again and again', () => {
  const engine = engineForTests();

  it(`the last byte of the output is there, ${times} times`, { timeout: 30_000 + times * 1500 }, async () => {
    await engine().docker('load', '--quiet', '--input', await busyboxArchive());
    for (let round = 0; round < times; round++) {
      const mark = `end of ${round}`;
      // more than a pipe holds, and the mark without a line's end behind it
      const script = `head -c ${70_000 + round * 37} /dev/zero | tr '\\0' x; printf '${mark}'`;
      const said = await engine().docker('run', '--name', 'again', 'busybox', 'sh', '-c', script);
      expect(said).toHaveLength(70_000 + round * 37 + mark.length);
      expect(said.endsWith(mark)).toBe(true);
      expect((await engine().docker('logs', 'again')).endsWith(mark)).toBe(true);
      await engine().docker('rm', 'again');
    }
  });

  it(`a port is free once its container is gone, ${times} times`, { timeout: 30_000 + times * 1500 }, async () => {
    const port = await freePort();
    const command = ['run', '-d', '--name', 'ported', '-p', `127.0.0.1:${port}:80`, 'busybox', 'sleep', '1000'];
    for (let round = 0; round < times; round++) {
      await engine().docker(...command);
      await engine().docker('rm', '-f', 'ported');
    }
    expect(await isOpen(port)).toBe(false);
  });
});
