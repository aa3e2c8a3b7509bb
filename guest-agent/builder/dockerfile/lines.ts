import { dockerfileError, stepError } from './failure.ts';
import { type Heredoc, heredocsIn } from './heredoc.ts';

/** One instruction with all of its lines, before its arguments mean anything. */
export interface Instruction {
  /** In capitals. */
  keyword: string;
  /** `--name` or `--name=value`, as typed, quotes taken away. */
  flags: readonly string[];
  /** What stands after keyword and flags, continued lines joined. */
  rest: string;
  /** Keyword, flags and rest on one line, as progress and history show it. */
  text: string;
  /** First and last line in the file, from 1. */
  line: number;
  endLine: number;
  heredocs: readonly Heredoc[];
  /** An empty line stands where the instruction goes on. */
  hasGap?: boolean;
  /** The comment right above it, a line each, without its marks. */
  comment?: readonly string[];
}

/** A Dockerfile cut into instructions. */
export interface ParsedFile {
  instructions: readonly Instruction[];
  /** The character that continues a line and takes a quote's meaning away. */
  escapeMark: string;
  /** `# syntax=`, which our own frontend answers. */
  syntax: string | undefined;
  /** `# check=`: which rules the linter skips. */
  check: string | undefined;
}

const directivePattern = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+)$/; // of a line whose end is trimmed
/** Of a line in bytes, as Go's bufio.Scanner has it. */
const longestLine = 65_535;
const directiveNames = ['escape', 'syntax', 'check'];

interface Directives {
  values: ReadonlyMap<string, string>;
}

/** They stand above all else, comments too. @throws invalid-argument for one that is given twice, or an odd escape */
function readDirectives(lines: readonly string[]): Directives {
  const values = new Map<string, string>();
  for (const [index, line] of lines.entries()) {
    const [, name = '', value = ''] = directivePattern.exec(line.trim()) ?? [];
    const key = name.toLowerCase();
    if (!directiveNames.includes(key)) break;
    if (values.has(key)) throw dockerfileError(`only one ${key} parser directive can be used`, index + 1);
    if (key === 'escape' && !['\\', '`'].includes(value)) {
      throw dockerfileError(`invalid ESCAPE '${value}' does not match \` or \\`, index + 1);
    }
    values.set(key, value);
  }
  return { values };
}

const isComment = (line: string): boolean => /^\s*#/.test(line);

/** A line that ends in the escape character goes on; one before it takes that meaning away. */
function continues(line: string, escapeMark: string): string | undefined {
  const bare = line.replace(/(?<![ \t])[ \t]+$/, ''); // only where the blanks begin: else each of them would look for the end
  if (!bare.endsWith(escapeMark) || bare.endsWith(escapeMark + escapeMark)) return undefined;
  return bare.slice(0, -1);
}

interface Cursor {
  lines: readonly string[];
  at: number;
  escapeMark: string;
}

/** The logical line that begins at the cursor: comments and empty lines inside it are dropped. */
function logicalLine(cursor: Cursor): { text: string; hasGap: boolean } {
  let joined = '';
  let first = true;
  let hasGap = false;
  for (; cursor.at < cursor.lines.length; ) {
    const line = cursor.lines[cursor.at++] ?? '';
    if (!first && line.trim() === '') hasGap = true;
    if (!first && (isComment(line) || line.trim() === '')) continue;
    const shown = first ? line.trimStart() : line;
    first = false;
    const more = continues(shown, cursor.escapeMark);
    joined += more ?? shown;
    if (more === undefined) break;
  }
  return { text: joined.trim(), hasGap };
}

const mayHoldHeredoc = new Set(['ADD', 'COPY', 'RUN']);

/** Text of the here-documents that an instruction announces. @throws invalid-argument when one does not end */
function readHeredocs(announced: readonly Heredoc[], cursor: Cursor, line: number): Heredoc[] {
  return announced.map(heredoc => {
    const taken: string[] = [];
    while (cursor.at < cursor.lines.length) {
      const raw = cursor.lines[cursor.at++] ?? '';
      const shown = heredoc.chomp ? raw.replace(/^\t+/, '') : raw;
      if (shown === heredoc.name) return { ...heredoc, content: taken.map(each => `${each}\n`).join('') };
      taken.push(shown);
    }
    throw stepError('unterminated heredoc', line);
  });
}

/** `--name=value` words in front of the arguments; quotes and escapes as in a shell. */
function takeFlags(text: string, escapeMark: string): { flags: string[]; rest: string } {
  const flags: string[] = [];
  let rest = text;
  for (;;) {
    rest = rest.trimStart();
    if (!rest.startsWith('--')) return { flags, rest };
    const { word, length } = flagWord(rest, escapeMark);
    if (word === '--') return { flags, rest: rest.slice(length).trimStart() };
    flags.push(word);
    rest = rest.slice(length);
  }
}

function flagWord(text: string, escapeMark: string): { word: string; length: number } {
  let word = '';
  let quote = '';
  let at = 0;
  for (; at < text.length; at++) {
    const character = text[at] ?? '';
    if (quote === '' && /\s/.test(character)) break;
    if (character === escapeMark && quote !== "'" && at + 1 < text.length) word += text[++at] ?? '';
    else if (quote === '' && (character === '"' || character === "'")) quote = character;
    else if (character === quote) quote = '';
    else word += character;
  }
  return { word, length: at };
}

const linesOf = (source: string): string[] => source.replace(/^\uFEFF/, '').split(/\r?\n/);

/** What a file says of the frontend that it is for, whatever else it is. */
export function syntaxOf(source: string): { syntax: string; line: number } | undefined {
  try {
    const { values } = readDirectives(linesOf(source));
    const syntax = values.get('syntax');
    return syntax === undefined ? undefined : { syntax, line: [...values.keys()].indexOf('syntax') + 1 };
  } catch {
    return undefined; // whoever reads it as a Dockerfile says what is wrong with it
  }
}

/** @throws invalid-argument with the line, in BuildKit's words */
export function parseLines(source: string): ParsedFile {
  const lines = linesOf(source);
  const tooLong = lines.findIndex(line => Buffer.byteLength(line) > longestLine);
  if (tooLong !== -1)
    throw dockerfileError(`dockerfile line greater than maximum allowed size of ${longestLine}`, tooLong + 1);
  const { values } = readDirectives(lines);
  const escapeMark = values.get('escape') ?? '\\';
  const cursor: Cursor = { lines, at: 0, escapeMark };
  const instructions: Instruction[] = [];
  let comment: string[] = [];
  while (cursor.at < lines.length) {
    const next = lines[cursor.at] ?? '';
    if (next.trim() === '') comment = [];
    else if (isComment(next)) comment.push(next.replace(/^\s*#\s*/, '').trim());
    else {
      instructions.push({ ...readInstruction(cursor), comment });
      comment = [];
      continue;
    }
    cursor.at++;
  }
  if (instructions.length === 0) throw dockerfileError('file with no instructions', undefined);
  return { instructions, escapeMark, syntax: values.get('syntax'), check: values.get('check') };
}

/** The instruction that begins at the cursor. */
function readInstruction(cursor: Cursor): Instruction {
  const line = cursor.at + 1;
  const { text, hasGap } = logicalLine(cursor);
  const instruction = parseInstruction(text, cursor.escapeMark);
  const { keyword, rest } = instruction;
  const announced = mayHoldHeredoc.has(ofOnbuild(keyword, rest)) ? heredocsIn(rest, cursor.escapeMark) : [];
  const heredocs = readHeredocs(announced, cursor, line);
  return { ...instruction, line, endLine: cursor.at, heredocs, hasGap };
}

const ofOnbuild = (keyword: string, rest: string): string =>
  keyword === 'ONBUILD' ? (rest.split(/\s/)[0] ?? '').toUpperCase() : keyword;

/** One joined line; also what an image's ONBUILD list holds. */
export function parseInstruction(
  text: string,
  escapeMark: string,
): Pick<Instruction, 'keyword' | 'flags' | 'rest' | 'text'> {
  const [, keyword = '', tail = ''] = /^(\S+)\s*([\s\S]*)$/.exec(text.trim()) ?? [];
  const { flags, rest } = takeFlags(tail, escapeMark);
  return { keyword: keyword.toUpperCase(), flags, rest, text: text.trim() };
}
