import type { BackupPlan } from '../../contracts/bridge.ts';

const hourMs = 3_600_000;
/** After a failure it is tried again this much later, or when it is due anyway. */
const retryMs = 600_000;

/** When a volume is to be backed up next, in milliseconds since 1970: at once, when it never was. */
export function dueAt({ everyHours, tried, problem }: BackupPlan): number {
  if (tried === undefined) return 0;
  return tried + (problem === '' ? everyHours * hourMs : Math.min(retryMs, everyHours * hourMs));
}

const ending = '.tar.zst';

/** `data_2026-11-21T10-30-00.tar.zst`: names sort as times do, and every system takes them. */
export const fileNameOf = (volume: string, time: number): string =>
  `${volume}_${new Date(time).toISOString().slice(0, 19).replaceAll(':', '-')}${ending}`;

/** Which of the files in a folder are backups of the volume, the oldest first. Others are nobody's business. */
export const backupsIn = (files: readonly string[], volume: string): string[] =>
  files.filter(name => !Number.isNaN(timeOf(name, volume))).sort();

/** When a backup of this volume was made, in milliseconds since 1970; NaN for every other file. */
export function timeOf(name: string, volume: string): number {
  if (!name.startsWith(`${volume}_`) || !name.endsWith(ending)) return Number.NaN;
  const found = /^(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d)$/.exec(name.slice(volume.length + 1, -ending.length));
  return found ? Date.parse(`${found[1]}${found.slice(2).join(':')}Z`) : Number.NaN;
}

/** Which of the files in a folder are older backups of the volume than the newest `keep`. */
export const outdated = (files: readonly string[], volume: string, keep: number): string[] =>
  backupsIn(files, volume).slice(0, -keep);
