import { pathOfDeepLink } from '../../contracts/desktop.ts';
import { type BridgeServers, type Channel, serveBridge } from '../dashboard/index.ts';
import { applicationMenu, trayMenu } from './menus.ts';
import type { Bounds, Port, Shell, Window } from './shell.ts';

export interface DesktopOptions {
  shell: Shell;
  servers: BridgeServers;
  preload: string;
  /** What this program was called with. */
  args: readonly string[];
  bounds: Bounds;
  saveBounds(bounds: Bounds): void;
}

/**
 * The desktop program: one window, a tray, a menu, links. It only shows: the engine is another program, so that nothing that
 * happens here stops a container. False when another instance has taken over.
 */
export async function runDesktop(options: DesktopOptions): Promise<boolean> {
  const { shell } = options;
  if (!shell.becomeOnlyInstance()) return false;
  let window: Window | undefined;
  let { bounds } = options;

  const open = (path?: string): void => {
    window ??= shell.openWindow({
      bounds,
      preload: options.preload,
      onBridge: port => serveBridge(channelOf(port), options.servers),
      onAddress: address => {
        if (isWebAddress(address)) shell.openOutside(address);
      },
      onBounds: now => {
        bounds = now;
        options.saveBounds(now);
      },
      onClosed: () => {
        window = undefined;
      },
    });
    window.show();
    if (path !== undefined) window.goTo(path);
  };
  const follow = (args: readonly string[]): void => open(args.map(pathOfDeepLink).find(path => path !== undefined));

  shell.onSecondInstance(follow);
  shell.onLink(link => follow([link]));
  shell.onActivate(open);
  await shell.whenReady();
  const actions = { open, quit: () => shell.quit() };
  shell.showMenu(applicationMenu(actions));
  shell.showTray(trayMenu(actions), 'Berth');
  follow(options.args);
  return true;
}

/** Only these leave the window, and only for the browser. */
export function isWebAddress(address: string): boolean {
  try {
    return ['http:', 'https:'].includes(new URL(address).protocol);
  } catch {
    return false;
  }
}

function channelOf(port: Port): Channel {
  const takers: { text?: (line: string) => void; bytes?: (frame: Uint8Array) => void } = {};
  port.onMessage(message => {
    if (typeof message === 'string') takers.text?.(message);
    else if (message instanceof Uint8Array) takers.bytes?.(message);
  });
  return {
    sendText: line => port.post(line),
    sendBytes: frame => port.post(frame),
    onText: take => {
      takers.text = take;
    },
    onBytes: take => {
      takers.bytes = take;
    },
    onClose: take => port.onClose(take),
  };
}
