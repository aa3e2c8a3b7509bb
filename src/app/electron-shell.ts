import { extname, join, normalize } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  app,
  BrowserWindow,
  ipcMain,
  Menu,
  type MenuItemConstructorOptions,
  MessageChannelMain,
  type MessagePortMain,
  Notification,
  nativeImage,
  net,
  protocol,
  screen,
  session,
  shell,
  Tray,
} from 'electron';
import { desktopChannels } from '../../contracts/desktop.ts';
import { contentSecurityPolicy } from '../dashboard/index.ts';
import { electronUpdater } from './electron-updater.ts';
import { AutostartFile, hiddenArgument } from './login-item.ts';
import type { MenuEntry, Port, Shell, Window, WindowOptions } from './shell.ts';

const smallest = { minWidth: 900, minHeight: 600 };

/** Where the page comes from: a scheme of its own, so that it has an origin and a policy, which files have not. */
const scheme = 'app';
protocol.registerSchemesAsPrivileged([{ scheme, privileges: { standard: true, secure: true, supportFetchAPI: true } }]);

/** Serves the built page: a path without a file is a place in the page. */
async function servePage(folder: string, address: string): Promise<Response> {
  const path = normalize(new URL(address).pathname);
  const file = extname(path) === '' ? 'index.html' : path;
  const answer = await net.fetch(pathToFileURL(join(folder, file)).toString());
  const headers = new Headers(answer.headers);
  headers.set('content-security-policy', contentSecurityPolicy);
  return new Response(answer.body, { status: answer.status, headers });
}

/** The real {@link Shell}: Electron, with everything shut that the window does not need. */
export function electronShell(pageFolder: string, iconFile: string): Shell {
  let tray: Tray | undefined;
  const autostart = process.platform === 'linux' ? new AutostartFile(process.env, process.execPath) : undefined;
  const loginItem = { args: [hiddenArgument] };
  app.on('window-all-closed', () => undefined); // the tray stays
  app.enableSandbox();
  return {
    becomeOnlyInstance: () => app.requestSingleInstanceLock(),
    whenReady: async () => {
      await app.whenReady();
      app.setAsDefaultProtocolClient('berth');
      protocol.handle(scheme, ({ url }) => servePage(pageFolder, url));
      session.defaultSession.setPermissionRequestHandler((_contents, permission, answer) =>
        answer(['clipboard-sanitized-write', 'notifications'].includes(permission)),
      );
    },
    onSecondInstance: take => void app.on('second-instance', (_event, args) => take(args)),
    onLink: take => void app.on('open-url', (_event, link) => take(link)),
    onActivate: take => void app.on('activate', () => take()),
    onQuit: take => void app.on('will-quit', take),
    openWindow,
    showTray: (entries, tooltip) => {
      tray ??= new Tray(nativeImage.createFromPath(iconFile));
      tray.setToolTip(tooltip);
      tray.setContextMenu(Menu.buildFromTemplate(entries.map(menuItem)));
    },
    showMenu: entries => Menu.setApplicationMenu(Menu.buildFromTemplate(entries.map(menuItem))),
    openOutside: address => void shell.openExternal(address),
    workAreas: () => screen.getAllDisplays().map(({ workArea }) => workArea),
    notify: ({ title, body }, chosen) => new Notification({ title, body }).on('click', chosen).show(),
    startsAtLogin: () => autostart?.isThere ?? app.getLoginItemSettings(loginItem).openAtLogin,
    startAtLogin: wanted =>
      autostart ? autostart.put(wanted) : app.setLoginItemSettings({ ...loginItem, openAtLogin: wanted }),
    updater: () => (app.isPackaged ? electronUpdater() : undefined),
    locale: () => app.getLocale(),
    quit: () => app.quit(),
  };
}

function openWindow(options: WindowOptions): Window {
  const window = new BrowserWindow({
    ...options.bounds,
    ...smallest,
    show: false,
    webPreferences: {
      preload: options.preload,
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      webSecurity: true,
      spellcheck: false,
    },
  });
  const { webContents } = window;
  webContents.setWindowOpenHandler(({ url }) => {
    options.onAddress(url);
    return { action: 'deny' };
  });
  webContents.on('will-navigate', (event, address) => {
    event.preventDefault();
    options.onAddress(address);
  });
  webContents.on('will-attach-webview', event => event.preventDefault());
  const onOpenBridge = (event: Electron.IpcMainEvent): void => {
    // only the page itself, never a frame in it
    if (event.sender !== webContents || event.senderFrame !== webContents.mainFrame) return;
    const { port1, port2 } = new MessageChannelMain();
    options.onBridge(portOf(port1));
    webContents.postMessage(desktopChannels.openBridge, null, [port2]);
  };
  ipcMain.on(desktopChannels.openBridge, onOpenBridge);
  webContents.on('render-process-gone', (_event, { reason }) => {
    if (reason !== 'clean-exit') options.onCrashed();
  });
  const tellBounds = (): void => options.onBounds(window.getNormalBounds());
  window.on('moved', tellBounds);
  window.on('resized', tellBounds);
  window.on('closed', () => {
    ipcMain.off(desktopChannels.openBridge, onOpenBridge);
    options.onClosed();
  });
  void window.loadURL(`${scheme}://berth/`);
  return {
    show: () => {
      window.show();
      window.focus();
    },
    goTo: path => {
      // a page that is still loading does not listen yet
      if (webContents.isLoading())
        webContents.once('did-finish-load', () => webContents.send(desktopChannels.goTo, path));
      else webContents.send(desktopChannels.goTo, path);
    },
    reload: () => webContents.reload(),
  };
}

function portOf(port: MessagePortMain): Port {
  port.start();
  return {
    post: message => port.postMessage(message),
    onMessage: take => void port.on('message', ({ data }) => take(data)),
    onClose: take => void port.on('close', take),
  };
}

function menuItem(entry: MenuEntry): MenuItemConstructorOptions {
  if (entry.kind === 'separator') return { type: 'separator' };
  if (entry.kind === 'role') return { role: entry.role, label: entry.label };
  if (entry.kind === 'menu') return { label: entry.label, submenu: entry.entries.map(menuItem) };
  const { label, accelerator, enabled, run } = entry;
  return { label, accelerator, enabled, click: run };
}
