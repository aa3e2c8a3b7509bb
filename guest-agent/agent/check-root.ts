import { join } from 'node:path';
import type { Log } from '../../base/log.ts';
import { putOffDone } from '../../base/put-off.ts';
import { openArchive } from '../archive/index.ts';
import type { Flags } from '../config/index.ts';
import { openContentStore } from '../content/index.ts';
import { checkStore } from '../images/index.ts';
import { openSnapshots } from '../snapshots/index.ts';
import { programFile } from './program.ts';
import { lockRoot } from './root-lock.ts';

/** Looks for damage among images, mends it, and tells. The exit code: 0 when all was well, 1 when something was found. */
export async function checkRoot({ root }: Flags, log: Log): Promise<number> {
  lockRoot(root);
  const archive = openArchive({ workerFile: programFile('archive-worker.cjs', 'archive/worker.ts'), log });
  const snapshots = await openSnapshots({ root: join(root, 'snapshots'), log });
  const content = openContentStore(join(root, 'content'));
  const report = await checkStore({ root: join(root, 'images'), content, snapshots, archive, log });
  await Promise.all([archive.close(), putOffDone()]);
  for (const { what } of report.findings) process.stdout.write(`${what}\n`);
  const verdict = report.findings.length > 0 ? `${report.findings.length} things were wrong` : 'all is well';
  process.stdout.write(`${report.images} images: ${verdict}\n`);
  return report.findings.length > 0 ? 1 : 0;
}
