import { invalidArgument } from '../../contracts/errors.ts';

/** What `--chmod` makes of a file's mode. */
export type ModeChange = (mode: number, isDirectory: boolean) => number;

const shifts: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };
const bits: Readonly<Record<string, number>> = { r: 4, w: 2, x: 1 };
const setId: Readonly<Record<string, number>> = { u: 0o4000, g: 0o2000, o: 0 };
const sticky = 0o1000;
const searchable = 0o111;
const clauseForm = /^([ugoa]*)((?:[+=-](?:[ugo]|[rwxXst]*))+)$/;

export const isOctal = (text: string): boolean => /^[0-7]{1,5}$/.test(text) && Number.parseInt(text, 8) <= 0o7777;

/** `0755`, `u+x,go=rX`, `g=u`. @throws invalid-argument in BuildKit's words */
export function readModeChange(text: string): ModeChange {
  if (isOctal(text)) return () => Number.parseInt(text, 8);
  if (/^\d+$/.test(text)) {
    throw invalidArgument(`invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`);
  }
  const clauses = text.split(',').map(readClause);
  return (mode, isDirectory) => clauses.reduce((changed, clause) => clause(changed, isDirectory), mode);
}

/** `ug+rw-x`: one change after the other, for the same classes. */
function readClause(text: string): ModeChange {
  const [, who = '', actions] = clauseForm.exec(text) ?? [];
  if (actions === undefined) throw invalidArgument('invalid syntax');
  const classes = who === '' || who.includes('a') ? ['u', 'g', 'o'] : [...new Set(who)];
  const changes = [...actions.matchAll(/([+=-])([a-zA-Z]*)/g)];
  return (mode, isDirectory) =>
    changes.reduce((changed, [, sign = '', what = '']) => {
      const wanted = wantedBits(what, classes, changed, isDirectory);
      if (sign === '+') return changed | wanted;
      return sign === '-' ? changed & ~wanted : (changed & ~allBits(classes)) | wanted;
    }, mode);
}

const allBits = (classes: readonly string[]): number =>
  classes.reduce((sum, each) => sum | (7 << (shifts[each] ?? 0)) | (setId[each] ?? 0), 0);

/** The bits of a mode that letters mean; those of another class are copied. */
function wantedBits(what: string, classes: readonly string[], mode: number, isDirectory: boolean): number {
  const copied = shifts[what];
  const own = copied === undefined ? lettersOf(what, isDirectory || (mode & searchable) !== 0) : (mode >> copied) & 7;
  const plain = classes.reduce((sum, each) => sum | (own << (shifts[each] ?? 0)), 0);
  const ids = what.includes('s') ? classes.reduce((sum, each) => sum | (setId[each] ?? 0), 0) : 0;
  return plain | ids | (what.includes('t') ? sticky : 0);
}

const lettersOf = (what: string, isSearchable: boolean): number =>
  [...what].reduce((sum, letter) => sum | (letter === 'X' ? Number(isSearchable) : (bits[letter] ?? 0)), 0);
