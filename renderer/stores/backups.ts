import { defineStore } from 'pinia';
import { shallowRef } from 'vue';
import type { BackupPlan, CallRequest } from '../../contracts/bridge.ts';
import { bridge } from './clients.ts';

/** Volumes that are backed up on a schedule. */
export const useBackups = defineStore('backups', () => {
  const plans = shallowRef<readonly BackupPlan[]>([]);
  /** The volume whose schedule is being changed. */
  const asked = shallowRef('');

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
  return { plans, asked, read, of, keep, drop, now };
});
