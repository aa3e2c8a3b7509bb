import type { MachineView } from '../../contracts/bridge.ts';
import type { Language } from '../../contracts/desktop.ts';

/** Every word of the desktop program outside its window, where the texts of the page do not reach. */
const en = {
  places: {
    overview: 'Overview',
    containers: 'Containers',
    compose: 'Compose',
    images: 'Images',
    volumes: 'Volumes',
    networks: 'Networks',
    builds: 'Builds',
    engines: 'Engines',
  },
  settings: 'Settings',
  troubleshoot: 'Troubleshoot',
  quit: 'Quit',
  edit: 'Edit',
  go: 'Go',
  view: 'View',
  window: 'Window',
  roles: {
    undo: 'Undo',
    redo: 'Redo',
    cut: 'Cut',
    copy: 'Copy',
    paste: 'Paste',
    selectAll: 'Select all',
    reload: 'Reload',
    resetZoom: 'Actual size',
    zoomIn: 'Larger',
    zoomOut: 'Smaller',
    togglefullscreen: 'Full screen',
    toggleDevTools: 'Developer tools',
    minimize: 'Minimise',
    close: 'Close',
  },
  machine: {
    stopped: 'stopped',
    starting: 'starting',
    running: 'running',
    stopping: 'stopping',
    failed: 'failed',
  } satisfies Record<MachineView['status'], string>,
  engineIs: (words: string) => `Engine ${words}`,
  open: 'Open Berth',
  run: 'Run a container',
  start: 'Start',
  stop: 'Stop or restart…',
  quitOnly: 'Quit (containers go on)',
  notStarted: 'Berth did not start',
  news: {
    memory: 'It ran out of memory.',
    unhealthy: 'It is unhealthy.',
    ended: (code: string) => `It has ended with exit code ${code}.`,
  },
};

/** What another language has to say. */
export type DesktopTexts = typeof en;

const de: DesktopTexts = {
  places: {
    overview: 'Übersicht',
    containers: 'Container',
    compose: 'Compose',
    images: 'Images',
    volumes: 'Volumes',
    networks: 'Netzwerke',
    builds: 'Builds',
    engines: 'Engines',
  },
  settings: 'Einstellungen',
  troubleshoot: 'Fehlersuche',
  quit: 'Beenden',
  edit: 'Bearbeiten',
  go: 'Gehe zu',
  view: 'Ansicht',
  window: 'Fenster',
  roles: {
    undo: 'Rückgängig',
    redo: 'Wiederholen',
    cut: 'Ausschneiden',
    copy: 'Kopieren',
    paste: 'Einfügen',
    selectAll: 'Alles auswählen',
    reload: 'Neu laden',
    resetZoom: 'Originalgröße',
    zoomIn: 'Größer',
    zoomOut: 'Kleiner',
    togglefullscreen: 'Vollbild',
    toggleDevTools: 'Entwicklerwerkzeuge',
    minimize: 'Minimieren',
    close: 'Schließen',
  },
  machine: {
    stopped: 'ist angehalten',
    starting: 'startet',
    running: 'läuft',
    stopping: 'hält an',
    failed: 'ist fehlgeschlagen',
  },
  engineIs: words => `Engine ${words}`,
  open: 'Berth öffnen',
  run: 'Container starten',
  start: 'Starten',
  stop: 'Anhalten oder neu starten…',
  quitOnly: 'Beenden (Container laufen weiter)',
  notStarted: 'Berth ist nicht gestartet',
  news: {
    memory: 'Der Speicher ist ihm ausgegangen.',
    unhealthy: 'Er ist krank.',
    ended: code => `Er ist mit Exit-Code ${code} beendet.`,
  },
};

const languages: Record<Language, DesktopTexts> = { en, de };

/** In the language that its user chose in the window; else in the system's, a tag like `de-AT`, where it is spoken. */
export const desktopTexts = (chosen: Language | undefined, system: string): DesktopTexts =>
  languages[chosen ?? (system.startsWith('de') ? 'de' : 'en')];
