import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLog } from '../../../base/log.ts';
import { putOffDone } from '../../../base/put-off.ts';
import type { ContainerId } from '../../../contracts/brand.ts';
import type { ContainerRecord } from '../../../guest-agent/engine/container-record.ts';
import { RecordStore } from '../../../guest-agent/engine/record-store.ts';
import { whyNot } from './faulty-engine.ts';
import { smallDisk } from './small-disk.ts';

const reason = whyNot();
if (reason) console.log(`skipped: ${reason}`);

const said: string[] = [];
const log = createLog({ level: 'error', write: line => said.push(line) });
const idOf = (number: number): ContainerId => createHash('sha256').update(`${number}`).digest('hex') as ContainerId;
const record = (id: ContainerId, name: string): ContainerRecord =>
  ({ version: 1, id, name, config: {}, hostConfig: {}, state: { status: 'created' } }) as unknown as ContainerRecord;

describe.skipIf(reason)('records of containers on a disk', () => {
  it('are after a power cut what they were when it was told that they are', async () => {
    const disk = await smallDisk(32);
    // The journal's files take turns often: what was in one must be in its own place by then.
    const store = new RecordStore(join(disk.path, 'root'), log, { bytes: 4096 });
    await store.load();
    store.makeAhead();
    const names = new Map<ContainerId, string>();
    const put = async (number: number, name: string): Promise<void> => {
      const id = idOf(number);
      const made = record(id, name);
      await (names.has(id) ? store.save(made, true) : store.create(made));
      names.set(id, name);
    };
    for (let round = 0; round < 120; round++) {
      await put(round, `first-${round}`);
      await put(round - (round % 5), `again-${round}`);
      const [oldest] = names.keys();
      if (oldest && names.size > 12) {
        await store.remove(oldest);
        names.delete(oldest);
      }
      if (round % 8 === 0) await putOffDone();
      if (round % 20 !== 19) continue;
      const cut = await disk.afterPowerCut();
      const next = new RecordStore(join(cut.path, 'root'), log);
      const found = await next.load();
      await next.close();
      await putOffDone();
      await cut.umount();
      expect(new Map(found.map(({ id, name }) => [id, name]))).toEqual(names);
    }
    await store.close();
    await putOffDone();
    expect(said).toEqual([]);
  });

  it('are refused while there is no room for a journal, and nothing of them is left', async () => {
    const disk = await smallDisk(16);
    const root = join(disk.path, 'root');
    const store = new RecordStore(root, log);
    await store.load();
    disk.fill();
    await expect(store.create(record(idOf(1), 'one'))).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(readdirSync(join(root, 'containers'))).toEqual([]);
    disk.free();
    await store.create(record(idOf(1), 'one'));
    await store.close();
    const next = new RecordStore(root, log);
    expect((await next.load()).map(({ name }) => name)).toEqual(['one']);
    await next.close();
  });
});
