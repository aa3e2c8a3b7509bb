import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '../../../base/log.ts';
import { dropRunFolders, keepRunFoldersInMemory } from '../../../guest-agent/agent/run-folders.ts';
import { mountFilesystem, unmount } from '../../../guest-agent/syscalls/mount.ts';
import { skipping } from '../../support/skip.ts';

const usable = process.platform === 'linux' && process.getuid?.() === 0;
if (!usable) console.log('skipped: mounting needs Linux and root');
const onDisk = '/var/tmp';
const noDisk = skipping(statfsSync(onDisk).type === 0x01021994 ? `${onDisk} is a tmpfs` : undefined);
const log = createLog({ level: 'error', write: () => undefined });

describe.skipIf(!usable)('what containers run with', () => {
  let execRoot: string;
  beforeEach(() => {
    execRoot = mkdtempSync(join(onDisk, 'berth-exec-root-'));
  });
  afterEach(() => {
    dropRunFolders(execRoot);
    rmSync(execRoot, { recursive: true });
  });

  const mounts = (): string[] =>
    readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .filter(line => line.includes(` ${execRoot}/`));

  it.skipIf(noDisk)('is on one tmpfs, however often an engine starts, and on none in the end', () => {
    for (let start = 0; start < 2; start++) keepRunFoldersInMemory(execRoot, log);
    expect(mounts()).toEqual([expect.stringMatching(/^tmpfs \S+\/containers tmpfs rw,nosuid,nodev,noexec/)]);
    for (let end = 0; end < 2; end++) dropRunFolders(execRoot);
    expect(mounts()).toEqual([]);
  });

  it('stays where containers of an earlier engine use it', () => {
    mkdirSync(join(execRoot, 'containers', 'c'), { recursive: true });
    writeFileSync(join(execRoot, 'containers', 'c', 'stdout'), '');
    keepRunFoldersInMemory(execRoot, log);
    expect(mounts()).toEqual([]);
  });

  it('needs no tmpfs of its own where the folder is on one', () => {
    mountFilesystem({ source: 'tmpfs', target: execRoot, type: 'tmpfs', flags: 0, data: '' });
    try {
      keepRunFoldersInMemory(execRoot, log);
      expect(mounts()).toEqual([]);
    } finally {
      unmount(execRoot);
    }
  });
});
