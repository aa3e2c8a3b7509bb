import { createHash } from 'node:crypto';
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HostConfig } from '../../contracts/docker/containers.ts';
import type { RuntimeMount } from '../../contracts/oci/runtime-spec.ts';
import { initProgram } from '../runtime/index.ts';

/** Where Docker puts it, and where scripts look for it. */
export const initPath = '/sbin/docker-init';

/** `--init`: with process ids of another it could collect nothing. */
export const hasInit = ({ Init, PidMode }: HostConfig): boolean => Init === true && !PidMode;

/** The init program, read-only in the container; nothing for one without. */
export function initMounts(host: HostConfig, { root }: { root: string }): RuntimeMount[] {
  if (!hasInit(host)) return [];
  return [{ destination: initPath, type: 'bind', source: initFile(root), options: ['bind', 'ro', 'rprivate'] }];
}

/** Not below the run folder: what is mounted noexec there could not be run. Its name says what is in it. */
function initFile(root: string): string {
  const program = initProgram(process.arch === 'arm64' ? 'arm64' : 'amd64');
  const digest = createHash('sha256').update(program).digest('hex').slice(0, 12);
  const path = join(root, `docker-init-${digest}`);
  if (existsSync(path)) return path;
  writeFileSync(`${path}.new`, program, { mode: 0o755, flush: true });
  renameSync(`${path}.new`, path);
  return path;
}
