import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a checkpoint takes from outside, beside CRIU's own files: they are to be offered again when it is restored. */
export interface SavedProcess {
  version: 1;
  /** Mount points that the launch makes, and not CRIU. */
  mounts: string[];
  /** CRIU's names of open files that the launch offers. */
  files: { key: string; stream: OfferedStream }[];
  /** It was in a network namespace that was made for it. */
  hasNetwork: boolean;
}

export type OfferedStream = 'stdin' | 'stdout' | 'stderr' | 'null';

/** CRIU's name for the network namespace. */
export const networkKey = 'extRootNetNS';

const nameOf = (directory: string): string => join(directory, 'berth.json');

export function writeSaved(directory: string, saved: SavedProcess): void {
  writeFileSync(nameOf(directory), `${JSON.stringify(saved)}\n`, { mode: 0o600, flush: true });
}

/** @throws Error when it is none of ours */
export const readSaved = (directory: string): SavedProcess =>
  JSON.parse(readFileSync(nameOf(directory), 'utf8')) as SavedProcess;

/** What CRIU calls an error and goes on after: what this host does not have and no container may need. */
const harmless = /RLIMIT_NOFILE|^tun:|^exited, status=/;

/** The cause by CRIU's log: the first of its errors, as those that follow come of it. */
export function criuError(log: string, otherwise = 'its log names no error'): string {
  const errors = log.matchAll(/^(?:\([\d.]+\))?\s*(?:\d+: )?Error \([^)]*\): (.*)$/gm);
  const reasons = [...errors].map(([, reason = '']) => reason).filter(reason => !harmless.test(reason));
  return `criu failed: ${reasons[0] ?? otherwise}`;
}
