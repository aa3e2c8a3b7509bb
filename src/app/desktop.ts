import type { MachineView } from '../../contracts/bridge.ts';
import { type DesktopPreferences, pathOfDeepLink } from '../../contracts/desktop.ts';
import type { EventMessage } from '../../contracts/docker/events.ts';
import { messageOf } from '../../contracts/errors.ts';
import { type BridgeServers, type CallServers, type Channel, serveBridge } from '../dashboard/index.ts';
import { visibleBounds } from './bounds.ts';
import { DesktopState } from './desktop-state.ts';
import { hiddenArgument } from './login-item.ts';
import { applicationMenu, type MenuActions, machineWords, trayMenu } from './menus.ts';
import { NewsDesk } from './news.ts';
import type { Bounds, Port, Shell, Window } from './shell.ts';

export interface DesktopOptions {
  shell: Shell;
  servers: BridgeServers;
  preload: string;
  /** What this program was called with. */
  args: readonly string[];
  /** Where the window was, as it was saved: whatever that is. */
  bounds: unknown;
  saveBounds(bounds: Bounds): void;
  preferences: DesktopPreferences;
  savePreferences(preferences: DesktopPreferences): void;
  /** The state of the machine, now and whenever it changes. */
  watchMachine(take: (machine: MachineView) => void): void;
  /** The engine's events, as long as this program runs. */
  watchEvents(take: (event: EventMessage) => void): void;
  /** Starts the engine. */
  startEngine(): Promise<void>;
}

/** A page that crashes twice within this time stays away. */
const crashMs = 10_000;

/**
 * The desktop program: one window, a tray, a menu, links. It only shows: the engine is another program, so that nothing that
 * happens here stops a container. False when another instance has taken over.
 */
export async function runDesktop(options: DesktopOptions): Promise<boolean> {
  const { shell } = options;
  if (!shell.becomeOnlyInstance()) return false;
  const frame = new Frame(options);
  const follow = (args: readonly string[]): void =>
    frame.open(args.map(pathOfDeepLink).find(path => path !== undefined));
  shell.onSecondInstance(follow);
  shell.onLink(link => follow([link]));
  shell.onActivate(() => frame.open());
  await shell.whenReady();
  const desktop = new DesktopState(shell, options.preferences, options.savePreferences);
  frame.serve(desktop);
  const start = (): void =>
    void options
      .startEngine()
      .catch(error =>
        shell.notify({ title: desktop.texts.notStarted, body: messageOf(error), path: '/diagnose' }, () =>
          frame.open('/diagnose'),
        ),
      );
  const actions = { open: (path?: string) => frame.open(path), start, quit: () => shell.quit() };
  showMenus(options, desktop, actions);
  const desk = new NewsDesk();
  options.watchEvents(event => {
    const news = desk.take(event, desktop.texts);
    if (news && desktop.preferences.notifications) shell.notify(news, () => frame.open(news.path));
  });
  if (options.args.includes(hiddenArgument)) start();
  else follow(options.args);
  return true;
}

/** Keeps the menu and the tray as the engine is, in the words that the window speaks. */
function showMenus({ shell, watchMachine }: DesktopOptions, desktop: DesktopState, actions: MenuActions): void {
  let machine: MachineView | undefined;
  let { texts } = desktop;
  const showTray = (): void =>
    shell.showTray(trayMenu(actions, machine, texts), machine ? `Berth: ${machineWords(machine, texts)}` : 'Berth');
  const showAll = (): void => {
    shell.showMenu(applicationMenu(actions, texts));
    showTray();
  };
  showAll();
  desktop.watch(() => {
    if (texts === desktop.texts) return;
    ({ texts } = desktop);
    showAll();
  });
  watchMachine(now => {
    machine = now;
    showTray();
  });
}

/** The one window, while there is one; where it was, while there is none. */
class Frame {
  readonly #options: DesktopOptions;
  #servers: BridgeServers;
  #window: Window | undefined;
  #bounds: unknown;
  #crashed = Number.NEGATIVE_INFINITY;

  constructor(options: DesktopOptions) {
    this.#options = options;
    this.#servers = options.servers;
    this.#bounds = options.bounds;
  }

  /** From now on windows can see and change the desktop program itself. */
  serve(desktop: DesktopState): void {
    const { calls, streams } = this.#options.servers;
    const changeDesktop: CallServers['changeDesktop'] = request => {
      desktop.change(request);
      return {};
    };
    this.#servers = {
      calls: { ...calls, changeDesktop },
      streams: { ...streams, desktop: (_request, stream) => desktop.serve(stream) },
    };
  }

  open(path?: string): void {
    const { shell, preload, saveBounds } = this.#options;
    this.#window ??= shell.openWindow({
      bounds: visibleBounds(this.#bounds, shell.workAreas()),
      preload,
      onBridge: port => serveBridge(channelOf(port), this.#servers),
      onAddress: address => {
        if (isWebAddress(address)) shell.openOutside(address);
      },
      onBounds: now => {
        this.#bounds = now;
        saveBounds(now);
      },
      onClosed: () => {
        this.#window = undefined;
      },
      onCrashed: () => this.#revive(),
    });
    this.#window.show();
    if (path !== undefined) this.#window.goTo(path);
  }

  /** What the page showed comes from the engine: it is simply read again. */
  #revive(): void {
    const now = performance.now();
    if (now - this.#crashed > crashMs) this.#window?.reload();
    this.#crashed = now;
  }
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
