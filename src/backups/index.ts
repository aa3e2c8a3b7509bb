/**
 * Room `backups`: volumes as compressed tars in a folder of this computer, again and again. What is wanted is a file of the
 * home; whoever hosts the engine keeps to it, with or without a window.
 */
export { keepBackups } from './keeper.ts';
export { BackupPlans, type BackupRecord } from './plans.ts';
export { runBackup, writeVolume } from './run.ts';
export { dueAt, fileNameOf, outdated } from './schedule.ts';
