import { closeSync, constants, mkdirSync, openSync, readdirSync, readFileSync, rmdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { CgroupError } from './cgroup-error.ts';
import type { Setting } from './limits.ts';

/** The errno name of an error of node:fs. */
export const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** Writes into a file that the kernel made: neither created nor truncated nor read, for each of these may be refused. */
export function write(path: string, ...values: string[]): void {
  const file = openSync(path, constants.O_WRONLY);
  try {
    for (const value of values) writeSync(file, value);
  } finally {
    closeSync(file);
  }
}

/** A file's text, or nothing when it (or the whole cgroup) is not there. ENODEV: it went while being read. */
export function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENODEV') return '';
    throw error;
  }
}

/** Performs one setting; returns a warning if the kernel has no such file and the setting may be done without. */
export function apply(directory: string, setting: Setting): string | undefined {
  const { file, value, warning, instead, optional } = setting;
  const path = join(directory, file);
  try {
    write(path, value);
  } catch (error) {
    const code = codeOf(error);
    const isAbsent = code === 'ENOENT' || code === 'EOPNOTSUPP';
    if (isAbsent && instead) return apply(directory, { controller: setting.controller, ...instead, warning });
    if (isAbsent && (warning || optional)) return warning;
    throw CgroupError.ofWrite(path, value, error);
  }
  return undefined;
}

/** Makes a directory that may be there. */
export function ensureDirectory(path: string): void {
  try {
    mkdirSync(path, 0o755);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

/** Names of child cgroups. */
export function children(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter(entry => entry.isDirectory())
      .map(entry => entry.name);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** All process ids in a cgroup and below. */
export function processesBelow(directory: string): number[] {
  const own = read(join(directory, 'cgroup.procs')).split('\n').filter(Boolean).map(Number);
  return [...own, ...children(directory).flatMap(name => processesBelow(join(directory, name)))];
}

/** Removes a tree of empty cgroups. False while something in it is busy. */
export function removeTree(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return true;
    if (codeOf(error) !== 'EBUSY' && codeOf(error) !== 'ENOTEMPTY') throw error;
  }
  const names = children(directory);
  const emptied = names.map(name => removeTree(join(directory, name))).every(Boolean);
  return emptied && names.length > 0 && removeTree(directory);
}

/** Asks again and again, ever more slowly, at most `ms` long. False if it never came true. */
export async function eventually(condition: () => boolean, ms: number): Promise<boolean> {
  const end = performance.now() + ms;
  for (let pause = 1; !condition(); pause = Math.min(pause * 2, 50)) {
    if (performance.now() > end) return false;
    await new Promise(resolve => setTimeout(resolve, pause));
  }
  return true;
}

/** SIGKILL; a process that has gone meanwhile is none. */
export function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

/** Asks at the first call, and answers the same ever after. */
export function once<T extends object>(ask: () => T): () => T {
  let answer: T | undefined;
  return () => {
    answer ??= ask();
    return answer;
  };
}
