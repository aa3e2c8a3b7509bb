import { defineStore } from 'pinia';
import { shallowRef } from 'vue';
import type {
  BackupFileDocument,
  BackupPlan,
  CallRequest,
  RestoreProgress,
  StreamRequest,
} from '../../contracts/bridge.ts';
import { bridge } from './clients.ts';
import { useTasks } from './tasks.ts';

/** Volumes that are backed up on a schedule. */
export const useBackups = defineStore('backups', () => {
  const plans = shallowRef<readonly BackupPlan[]>([]);
  /** The volume whose schedule is being changed. */
  const asked = shallowRef('');
  /** The volume that gets one of its backups. */
  const restoring = shallowRef('');

  const read = async (): Promise<void> => {
    ({ plans: plans.value } = await bridge.call('backups', {}));
  };
  const of = (volume: string): BackupPlan | undefined => plans.value.find(plan => plan.volume === volume);
  async function keep(plan: CallRequest<'keepBackup'>): Promise<void> {
    await bridge.call('keepBackup', plan);
    await read();
  }
  async function drop(volume: string): Promise<void> {
    await bridge.call('dropBackup', { volume });
    await read();
  }
  /** The file that was made. */
  async function now(volume: string): Promise<string> {
    const { file } = await bridge.call('backUpNow', { volume });
    await read();
    return file;
  }
  /** The newest first. */
  const files = async (volume: string): Promise<readonly BackupFileDocument[]> =>
    (await bridge.call('backupFiles', { volume })).files;
  /** Puts one of them back, as a task. @throws EngineError of whoever could not, also when cancelled */
  const restore = (title: string, request: StreamRequest<'restoreBackup'>): Promise<void> =>
    useTasks().track(title, work =>
      bridge.open('restoreBackup', request, {
        item: item => work.change({ bytes: (item as RestoreProgress).bytes, total: (item as RestoreProgress).total }),
        ended: error => (error ? work.failed(error) : work.done()),
      }),
    );
  return { plans, asked, restoring, read, of, keep, drop, now, files, restore };
});
