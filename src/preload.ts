import { contextBridge, ipcRenderer } from 'electron';
import { desktopChannels } from '../contracts/desktop.ts';

/** The window that this runs in; types of the browser are the renderer's only. */
const page = globalThis as unknown as { postMessage(message: unknown, origin: string, transfer: unknown[]): void };

/** The page gets its end of the bridge as a message port, and is told where to go; nothing else of Electron reaches it. */
ipcRenderer.on(desktopChannels.openBridge, ({ ports }) => {
  // a port cannot pass through the context bridge: the page's own messages can carry it
  page.postMessage(desktopChannels.openBridge, '*', [...ports]);
});

contextBridge.exposeInMainWorld('berth', {
  openBridge: () => ipcRenderer.send(desktopChannels.openBridge),
  onGoTo: (take: (path: string) => void) => ipcRenderer.on(desktopChannels.goTo, (_event, path: string) => take(path)),
});
