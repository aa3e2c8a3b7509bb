import { autoUpdater, type UpdateInfo } from 'electron-updater';
import type { Updater } from './updates.ts';

/** The real {@link Updater}: electron-updater, told to do nothing by itself. */
export function electronUpdater(): Updater {
  autoUpdater.autoDownload = false;
  autoUpdater.autoInstallOnAppQuit = false;
  autoUpdater.disableWebInstaller = true;
  return {
    check: async () => {
      const found = await autoUpdater.checkForUpdates();
      return found?.isUpdateAvailable ? toVersion(found.updateInfo) : undefined;
    },
    download: async tell => {
      const told = ({ percent }: { percent: number }): void => tell(percent);
      autoUpdater.on('download-progress', told);
      try {
        await autoUpdater.downloadUpdate();
      } finally {
        autoUpdater.off('download-progress', told);
      }
    },
    install: () => autoUpdater.quitAndInstall(),
  };
}

/** Notes come as one text, or as one for each version since. */
function toVersion({ version, releaseNotes }: UpdateInfo): { version: string; notes: string } {
  if (!Array.isArray(releaseNotes)) return { version, notes: releaseNotes ?? '' };
  return { version, notes: releaseNotes.map(({ note }) => note ?? '').join('\n') };
}
