import type { MenuEntry } from './shell.ts';

export interface MenuActions {
  open(path?: string): void;
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

/** What the tray offers. */
export const trayMenu = (actions: MenuActions): MenuEntry[] => [
  { kind: 'action', label: 'Open Berth', run: () => actions.open() },
  goTo(actions, 'Run a container', '/containers?run='),
  separator,
  goTo(actions, 'Settings', '/settings'),
  { kind: 'action', label: 'Quit (containers go on)', run: actions.quit },
];
