import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLog } from '../../../../base/log.ts';
import { conflict } from '../../../../contracts/errors.ts';
import { pressesPower } from '../../../../guest-agent/control/power-key.ts';
import { type HostPeer, PublishedPortList } from '../../../../guest-agent/control/published-ports.ts';
import { findVirtioPort } from '../../../../guest-agent/control/readiness.ts';

const log = createLog({ level: 'error' });
const port = { protocol: 'tcp' as const, hostIp: '', hostPort: 8080, containerPort: 80 };

describe('published ports', () => {
  /** A host that answers what `answer` says and remembers what it was asked. */
  const hostThat = (answer: (name: string) => unknown): { peer: HostPeer; asked: unknown[] } => {
    const asked: unknown[] = [];
    const call = async (name: string, request: unknown): Promise<unknown> => {
      asked.push([name, request]);
      return answer(name);
    };
    return { peer: { call } as unknown as HostPeer, asked };
  };

  it('are told to the host, without what only the guest needs', async () => {
    const { peer, asked } = hostThat(() => ({}));
    const list = new PublishedPortList(() => peer, log);
    await list.publish('c1', [port]);
    await list.withdraw('c1');
    await list.withdraw('c1');
    const ports = [{ protocol: 'tcp', hostIp: '', hostPort: 8080 }];
    expect(asked).toEqual([
      ['publish', { key: 'c1', ports }],
      ['withdraw', { key: 'c1' }],
    ]);
  });

  it('that the host refuses are not kept', async () => {
    const refusing = hostThat(name => {
      if (name === 'publish') throw conflict('Ports are not available');
      return {};
    });
    const list = new PublishedPortList(() => refusing.peer, log);
    await expect(list.publish('c1', [port])).rejects.toThrow('Ports are not available');
    expect(list.list()).toEqual([]);
  });

  it('wait for a host that is not there yet', async () => {
    const list = new PublishedPortList(() => undefined, log);
    await list.publish('c1', [port]);
    expect(list.list()).toEqual([{ key: 'c1', ports: [{ protocol: 'tcp', hostIp: '', hostPort: 8080 }] }]);
  });
});

describe('the power button', () => {
  const event = (type: number, code: number, value: number): Buffer => {
    const bytes = Buffer.alloc(24);
    bytes.writeUInt16LE(type, 16);
    bytes.writeUInt16LE(code, 18);
    bytes.writeInt32LE(value, 20);
    return bytes;
  };

  it('is pressed, not released, and no other key', () => {
    const other = event(1, 30, 1);
    const synchronise = event(0, 0, 0);
    expect(pressesPower(Buffer.concat([other, synchronise, event(1, 116, 1), synchronise]))).toBe(true);
    expect(pressesPower(Buffer.concat([other, event(1, 116, 0)]))).toBe(false);
    expect(pressesPower(Buffer.alloc(0))).toBe(false);
  });
});

it('the readiness port is found by its name', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-ports-'));
  for (const [device, name] of Object.entries({ vport1p1: 'org.qemu.agent', vport1p2: 'berth.ready' })) {
    mkdirSync(join(folder, device));
    writeFileSync(join(folder, device, 'name'), `${name}\n`);
  }
  expect(findVirtioPort('berth.ready', folder)).toBe('/dev/vport1p2');
  expect(findVirtioPort('other', folder)).toBeUndefined();
  expect(findVirtioPort('berth.ready', join(folder, 'none'))).toBeUndefined();
  rmSync(folder, { recursive: true });
});
