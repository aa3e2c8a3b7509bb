import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** The argument of a program that the system started: it stays in the tray. */
export const hiddenArgument = '--hidden';

/** How the desktops of Linux start a program when somebody logs in: a file (freedesktop.org, Autostart). */
export class AutostartFile {
  readonly #file: string;
  readonly #program: string;

  /** `program`: what is started. An AppImage runs from a mount of its own and says where it is really. */
  constructor(env: NodeJS.ProcessEnv, program: string, user = homedir()) {
    this.#file = join(env.XDG_CONFIG_HOME || join(user, '.config'), 'autostart', 'berth.desktop');
    this.#program = env.APPIMAGE || program;
  }

  get isThere(): boolean {
    return existsSync(this.#file);
  }

  put(wanted: boolean): void {
    rmSync(this.#file, { force: true });
    if (!wanted) return;
    mkdirSync(dirname(this.#file), { recursive: true });
    const lines = [
      '[Desktop Entry]',
      'Type=Application',
      'Name=Berth',
      `Exec=${quoted(this.#program)} ${hiddenArgument}`,
    ];
    writeFileSync(this.#file, `${lines.join('\n')}\n`);
  }
}

/** A word of `Exec`, as the specification of desktop entries quotes it: once for the word, once for the value. */
const quoted = (word: string): string =>
  `"${word
    .replace(/(["`$\\])/g, '\\$1')
    .replaceAll('\\', '\\\\')
    .replaceAll('%', '%%')}"`;
