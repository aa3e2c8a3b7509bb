import type { MachineView } from '../../contracts/bridge.ts';
import type { MenuEntry } from './shell.ts';

export interface MenuActions {
  open(path?: string): void;
  /** Starts the engine. */
  start(): void;
  quit(): void;
}

const separator: MenuEntry = { kind: 'separator' };

const goTo = ({ open }: MenuActions, label: string, path: string, accelerator?: string): MenuEntry => ({
  kind: 'action',
  label,
  accelerator,
  run: () => open(path),
});

const places = ['Overview', 'Containers', 'Images', 'Volumes', 'Networks'];

/** The menu of the program. */
export const applicationMenu = (actions: MenuActions): MenuEntry[] => [
  {
    kind: 'menu',
    label: 'Berth',
    entries: [
      goTo(actions, 'Settings', '/settings', 'CommandOrControl+,'),
      goTo(actions, 'Diagnose', '/diagnose'),
      separator,
      { kind: 'action', label: 'Quit', accelerator: 'CommandOrControl+Q', run: actions.quit },
    ],
  },
  { kind: 'role', role: 'editMenu' },
  {
    kind: 'menu',
    label: 'Go',
    entries: places.map((label, index) =>
      goTo(actions, label, `/${label.toLowerCase()}`, `CommandOrControl+${index + 1}`),
    ),
  },
  { kind: 'role', role: 'viewMenu' },
  { kind: 'role', role: 'windowMenu' },
];

/** How the engine is, in a few words. */
export function machineWords({ status, detail }: MachineView): string {
  const words = {
    stopped: 'stopped',
    starting: 'starting',
    running: 'running',
    stopping: 'stopping',
    failed: 'failed',
  };
  return status === 'starting' && detail !== '' ? `starting: ${detail}` : words[status];
}

/** What the tray offers: how the engine is, and what can be done about it. Stopping is asked where it says what it means. */
export function trayMenu(actions: MenuActions, machine: MachineView | undefined): MenuEntry[] {
  const state = machine
    ? [{ kind: 'action', label: `Engine ${machineWords(machine)}`, enabled: false, run: () => undefined } as const]
    : [];
  const isUp = machine?.status === 'running' || machine?.status === 'starting';
  const life: MenuEntry = isUp
    ? goTo(actions, 'Stop or restart…', '/diagnose')
    : { kind: 'action', label: 'Start', enabled: machine?.status !== 'stopping', run: actions.start };
  return [
    ...state,
    { kind: 'action', label: 'Open Berth', run: () => actions.open() },
    goTo(actions, 'Run a container', '/containers?run='),
    life,
    separator,
    goTo(actions, 'Settings', '/settings'),
    { kind: 'action', label: 'Quit (containers go on)', run: actions.quit },
  ];
}
