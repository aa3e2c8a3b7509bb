import type { MachineView } from '../../contracts/bridge.ts';
import type { MenuEntry, MenuRole } from './shell.ts';
import type { DesktopTexts } from './texts.ts';

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

/** The system's own, with our words: Electron has most of them in English only. */
const rolesMenu = (label: string, { roles }: DesktopTexts, ...parts: (readonly MenuRole[])[]): MenuEntry => ({
  kind: 'menu',
  label,
  entries: parts.flatMap((part, index) => [
    ...(index > 0 ? [separator] : []),
    ...part.map((role): MenuEntry => ({ kind: 'role', role, label: roles[role] })),
  ]),
});

/** The menu of the program. */
export const applicationMenu = (actions: MenuActions, texts: DesktopTexts): MenuEntry[] => [
  {
    kind: 'menu',
    label: 'Berth',
    entries: [
      goTo(actions, texts.settings, '/settings', 'CommandOrControl+,'),
      goTo(actions, texts.troubleshoot, '/diagnose'),
      separator,
      { kind: 'action', label: texts.quit, accelerator: 'CommandOrControl+Q', run: actions.quit },
    ],
  },
  rolesMenu(texts.edit, texts, ['undo', 'redo'], ['cut', 'copy', 'paste', 'selectAll']),
  {
    kind: 'menu',
    label: texts.go,
    entries: Object.entries(texts.places).map(([place, label], index) =>
      goTo(actions, label, `/${place}`, `CommandOrControl+${index + 1}`),
    ),
  },
  rolesMenu(texts.view, texts, ['reload'], ['resetZoom', 'zoomIn', 'zoomOut'], ['togglefullscreen', 'toggleDevTools']),
  rolesMenu(texts.window, texts, ['minimize', 'close']),
];

/** How the engine is, in a few words. */
export const machineWords = ({ status, detail }: MachineView, texts: DesktopTexts): string =>
  status === 'starting' && detail !== '' ? `${texts.machine.starting}: ${detail}` : texts.machine[status];

/** What the tray offers: how the engine is, and what can be done about it. Stopping is asked where it says what it means. */
export function trayMenu(actions: MenuActions, machine: MachineView | undefined, texts: DesktopTexts): MenuEntry[] {
  const state = machine
    ? [
        {
          kind: 'action',
          label: texts.engineIs(machineWords(machine, texts)),
          enabled: false,
          run: () => undefined,
        } as const,
      ]
    : [];
  const isUp = machine?.status === 'running' || machine?.status === 'starting';
  const life: MenuEntry = isUp
    ? goTo(actions, texts.stop, '/diagnose')
    : { kind: 'action', label: texts.start, enabled: machine?.status !== 'stopping', run: actions.start };
  return [
    ...state,
    { kind: 'action', label: texts.open, run: () => actions.open() },
    goTo(actions, texts.run, '/containers?run='),
    life,
    separator,
    goTo(actions, texts.settings, '/settings'),
    { kind: 'action', label: texts.quitOnly, run: actions.quit },
  ];
}
