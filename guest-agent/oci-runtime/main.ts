import { closeSync } from 'node:fs';
import { CommanderError } from 'commander';
import { AT_FDCWD } from '../syscalls/file.ts';
import { changeMount, cloneTree } from '../syscalls/mount.ts';
import { MOUNT_ATTR_RDONLY } from '../syscalls/mount-flags.ts';
import { becomeNonDumpable, duplicate, keepOnExec } from '../syscalls/process.ts';
import { runCommand } from './commands.ts';
import { report } from './report.ts';

/**
 * An OCI runtime (runtime-spec 1.2) with runc's command line, made of what runs the engine's containers: the plan of a
 * launch, the steps of the keeper's child, control groups. One process makes one container and is its parent until it
 * ends; whoever called it (or init) is the parent after that. What must be known from one command to the next lies in a
 * folder for each container: its state, the mount point of its root, and the FIFO behind which its program waits.
 */
const births = new Set(['create', 'run', 'exec']);

async function main(): Promise<void> {
  becomeNonDumpable();
  const argv = process.argv.slice(2);
  if (argv.some(word => births.has(word))) runFromReadonlyFile();
  try {
    process.exit(await runCommand(argv));
  } catch (error) {
    if (error instanceof CommanderError) process.exit(error.exitCode);
    report('error', error);
    process.exit(1);
  }
}

/**
 * A container whose program is /proc/self/exe would run the file that this process runs, and could open it for writing
 * afterwards (CVE-2019-5736). So it is a read-only mount of the file that is in no mount table.
 */
function runFromReadonlyFile(): void {
  if (process.execPath.startsWith('/proc/') || process.env[marker]) {
    delete process.env[marker];
    return;
  }
  const mount = cloneTree(AT_FDCWD, process.execPath, false);
  changeMount(mount, { set: MOUNT_ATTR_RDONLY }, false, process.execPath);
  const file = duplicate(mount);
  closeSync(mount);
  keepOnExec(3, inheritedCount(process.argv));
  process.execve?.(`/proc/self/fd/${file}`, [process.argv0, ...process.execArgv, ...process.argv.slice(1)], {
    ...process.env,
    [marker]: '1',
  });
}

const marker = '_BERTH_RUNTIME_READONLY';

function inheritedCount(words: readonly string[]): number {
  const at = words.findIndex(word => word.startsWith('--preserve-fds'));
  const word = words[at] ?? '';
  return Number((word.includes('=') ? word.split('=')[1] : words[at + 1]) ?? 0) || 0;
}

await main();
