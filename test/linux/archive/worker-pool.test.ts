import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { WorkerPool } from '../../../guest-agent/archive/worker-pool.ts';
import { canRun, quiet, temporaryFolder } from './fixture.ts';

/** Answers whatever it is asked. */
const obliging = `import { parentPort } from 'node:worker_threads';
parentPort.on('message', ({ id }) => parentPort.postMessage({ id, result: undefined }));`;

describe.skipIf(!canRun)('threads', () => {
  afterEach(() => void vi.useRealTimers());

  it('that end for want of work are given none on their way out', async () => {
    using folder = temporaryFolder();
    const workerFile = join(folder.path, 'worker.mjs');
    writeFileSync(workerFile, obliging);
    const pool = new WorkerPool({ workerFile, log: quiet });
    const job = { kind: 'copyTree', root: '/', path: '/', target: '/' } as const;
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await pool.run(job);
    vi.advanceTimersByTime(60_000);
    await expect(pool.run(job)).resolves.toBeUndefined();
    await pool.close();
  });
});
