import type { ContainerTop } from '../../contracts/docker/containers.ts';
import { invalidArgument } from '../../contracts/errors.ts';
import { accountNames, type ProcessFacts, readProcess, totalMemoryKilobytes, uptimeSeconds } from './process-facts.ts';
import { type Column, columnNamed, formats, type Moment } from './ps-columns.ts';

/** `docker top` without ps: processes, shown as ps(1) shows them when it is called with `psArgs`. @throws invalid-argument */
export async function top(pids: readonly number[], psArgs: string): Promise<ContainerTop> {
  const request = parsePsArguments(psArgs);
  const found = pids.flatMap(pid => readProcess(pid) ?? []).filter(request.selects);
  const moment: Moment = {
    uptimeSeconds: uptimeSeconds(),
    nowMs: Date.now(),
    memoryKilobytes: totalMemoryKilobytes(),
    users: accountNames('/etc/passwd'),
    groups: accountNames('/etc/group'),
  };
  const rows = request.asTree ? drawnAsTree(found) : found.map(process => ({ process, branch: '' }));
  return {
    Titles: request.columns.map(({ title }) => title),
    Processes: rows.map(({ process, branch }) =>
      request.columns.map(({ show, isCommand }) => (isCommand ? branch : '') + show(process, moment)),
    ),
  };
}

export interface PsRequest {
  columns: readonly Column[];
  asTree: boolean;
  selects: (process: ProcessFacts) => boolean;
}

const garbage = (): Error => invalidArgument('ps: error: garbage option');
const unsupported = (kind: string): Error => invalidArgument(`ps: error: unsupported ${kind} option`);

/**
 * What ps is told: its letters of UNIX (`-ef`) and BSD (`aux`), `-o` with a list, `-p` and `-C` to choose by pid and name,
 * `--forest`. Whom else it would choose does not matter: only the container's processes are shown. Pure.
 * @throws invalid-argument in ps's words, or in Docker's for a list without the pid
 */
export function parsePsArguments(text: string): PsRequest {
  const words = text.trim().split(/\s+/).filter(Boolean);
  const reading = readWords(words.length === 0 ? ['-ef'] : words);
  const columns = reading.lists.length > 0 ? reading.lists.flatMap(listedColumns) : formatFor(reading);
  if (!columns.some(({ title }) => title === 'PID')) throw invalidArgument("Couldn't find PID field in ps output");
  const { pids, names } = reading;
  return {
    columns,
    asTree: reading.asTree,
    selects: ({ pid, name }) => (!pids && !names) || pids?.includes(String(pid)) || names?.includes(name) || false,
  };
}

/** `-aux` is no option of UNIX's: then all of it is taken for BSD's. */
function readWords(words: readonly string[]): Reading {
  const read = (all: string[]): Reading => {
    const reading: Reading = { words: all, letters: '', lists: [], asTree: false };
    while (reading.words.length > 0) readWord(reading.words.shift() ?? '', reading);
    return reading;
  };
  try {
    return read([...words]);
  } catch (error) {
    try {
      return read(words.map(word => word.replace(/^-(?=[^-])/, '')));
    } catch {
      throw error;
    }
  }
}

interface Reading {
  words: string[];
  /** Of the formats, UNIX's. */
  letters: string;
  /** BSD's; undefined when none of its options was there. */
  bsd?: string;
  lists: string[];
  asTree: boolean;
  pids?: string[];
  names?: string[];
}

function readWord(word: string, reading: Reading): void {
  if (word.startsWith('--')) readLong(word, reading);
  else if (word.startsWith('-') && word.length > 1) readUnix(word.slice(1), reading);
  else if (/^[\d,]+$/.test(word)) reading.pids = [...(reading.pids ?? []), ...word.split(',')];
  else readBsd(word, reading);
}

function readLong(word: string, reading: Reading): void {
  const [option = '', value] = word.split(/=(.*)/s, 2);
  const argument = (): string => value ?? reading.words.shift() ?? '';
  if (option === '--forest') reading.asTree = true;
  else if (option === '--format') reading.lists.push(argument());
  else if (option === '--pid') reading.pids = [...(reading.pids ?? []), ...argument().split(',')];
  else throw option === '--' ? garbage() : invalidArgument('ps: error: unknown gnu long option');
}

/** The rest of a word, or the next one, is an option's argument. */
const argumentOf = (rest: string, { words }: Reading): string => (rest === '' ? (words.shift() ?? '') : rest);

function readUnix(letters: string, reading: Reading): void {
  for (const [at, letter] of [...letters].entries()) {
    const rest = letters.slice(at + 1);
    if ('oCp'.includes(letter)) {
      const argument = argumentOf(rest, reading);
      if (letter === 'o') reading.lists.push(argument);
      else if (letter === 'p') reading.pids = [...(reading.pids ?? []), ...argument.split(',')];
      else reading.names = [...(reading.names ?? []), ...argument.split(',')];
      return;
    }
    if ('fFlj'.includes(letter)) reading.letters += letter;
    else if (letter === 'H') reading.asTree = true;
    else if (!'aAdew'.includes(letter)) throw unsupported('SysV');
  }
}

function readBsd(letters: string, reading: Reading): void {
  reading.bsd ??= '';
  for (const [at, letter] of [...letters].entries()) {
    if (letter === 'o') {
      reading.lists.push(argumentOf(letters.slice(at + 1), reading));
      return;
    }
    if ('ulj'.includes(letter)) reading.bsd += letter;
    else if (letter === 'f') reading.asTree = true;
    else if (!'axwrTg'.includes(letter)) throw unsupported('BSD');
  }
}

function formatFor({ letters, bsd }: Reading): readonly Column[] {
  if (letters === '' && bsd !== undefined) {
    if (bsd.includes('j')) return formats.bsdJ;
    if (bsd.includes('l')) return formats.bsdL;
    return bsd.includes('u') ? formats.bsdU : formats.bsd;
  }
  const wanted = (['F', 'l', 'f', 'j'] as const).find(letter => letters.includes(letter));
  return formats[wanted ?? ''];
}

/** `pid,comm`, `pid=ID,args`. */
function listedColumns(list: string): Column[] {
  const words = list.split(',').filter(Boolean);
  return words.map(word => {
    const [name = '', title] = word.split('=', 2);
    const column = columnNamed(name, title);
    if (!column) throw invalidArgument(`ps: error: unknown user-defined format specifier "${name}"`);
    return column;
  });
}

interface Row {
  process: ProcessFacts;
  /** What stands before its command. */
  branch: string;
}

/** Children below their parents; whose parent is not among them is a child of the engine's. */
function drawnAsTree(processes: readonly ProcessFacts[]): Row[] {
  const pids = new Set(processes.map(({ pid }) => pid));
  const byParent = Map.groupBy(processes, ({ ppid }) => (pids.has(ppid) ? ppid : undefined));
  const rowsBelow = (parent: number | undefined, before: string): Row[] =>
    (byParent.get(parent) ?? []).flatMap((process, at, siblings) => {
      const below = at < siblings.length - 1 ? `${before}| ` : before;
      return [{ process, branch: `${before}\\_ ` }, ...rowsBelow(process.pid, below)];
    });
  return rowsBelow(undefined, '');
}
