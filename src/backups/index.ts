/**
 * Room `backups`: volumes as compressed tars in a folder of this computer, again and again. What is wanted is a file of the
 * home; whoever hosts the engine keeps to it, with or without a window.
 */
export { keepBackups } from './keeper.ts';
export { BackupPlans, type BackupRecord } from './plans.ts';
export { listBackups, restoreBackup } from './restore.ts';
export { runBackup, writeVolume } from './run.ts';
export { dueAt, fileNameOf, outdated, timeOf } from './schedule.ts';
