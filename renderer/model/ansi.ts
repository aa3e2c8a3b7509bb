/** A piece of a line that looks the same: CSS classes of `styles/logs.css`. */
export interface StyledText {
  text: string;
  classes: string;
}

interface Pen {
  colour: string;
  background: string;
  bold: boolean;
  dim: boolean;
}

const plain: Pen = { colour: '', background: '', bold: false, dim: false };
/** As ECMA-35 and ECMA-48 build them: control sequences, operating system commands, charsets, and those of one letter. */
const sequence = /\x1b\[([0-?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]+[0-~]|\x1b[0-~]/g;
/** Of those, the ones that set colours. */
const colours = /^[\d;]*$/;

/** Cuts a line at its SGR sequences; other sequences are left out. The 16 colours are known, others drawn plain. */
export function styledText(line: string): StyledText[] {
  if (!line.includes('\x1b')) return [{ text: line, classes: '' }];
  const pieces: StyledText[] = [];
  let pen = plain;
  let at = 0;
  const add = (text: string): void => {
    if (text !== '') pieces.push({ text, classes: classesOf(pen) });
  };
  for (const found of line.matchAll(sequence)) {
    add(line.slice(at, found.index));
    at = found.index + found[0].length;
    const [, parameters = '', final] = found;
    if (final === 'm' && colours.test(parameters)) pen = changed(pen, parameters);
  }
  add(line.slice(at));
  return pieces;
}

/** The line as it reads without colours. */
export const plainText = (line: string): string => (line.includes('\x1b') ? line.replace(sequence, '') : line);

function changed(pen: Pen, codes: string): Pen {
  let now = pen;
  const numbers = codes.split(';').map(Number);
  for (const code of numbers) {
    if (code === 38 || code === 48) return now; // 256 colours and more: what follows are its parts
    if (code === 0) now = plain;
    else if (code === 1) now = { ...now, bold: true };
    else if (code === 2) now = { ...now, dim: true };
    else if (code === 22) now = { ...now, bold: false, dim: false };
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) now = { ...now, colour: `ansi-${code % 10}` };
    else if (code === 39) now = { ...now, colour: '' };
    else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107))
      now = { ...now, background: `ansi-on-${code % 10}` };
    else if (code === 49) now = { ...now, background: '' };
  }
  return now;
}

const classesOf = ({ colour, background, bold, dim }: Pen): string =>
  [colour, background, bold ? 'bold' : '', dim ? 'dim' : ''].filter(Boolean).join(' ');

/** How bad a line is, as far as its words tell. */
export function levelOf(text: string): 'error' | 'warning' | 'debug' | '' {
  const start = text.slice(0, 200);
  if (
    /\b(ERROR|FATAL|CRITICAL|PANIC|SEVERE)\b|\b(error|fatal|panic)[:\]=]|level=(error|fatal)|"level":"(error|fatal)"/.test(
      start,
    )
  )
    return 'error';
  if (/\b(WARN|WARNING)\b|\b(warn|warning)[:\]=]|level=warn|"level":"warn/.test(start)) return 'warning';
  return /\b(DEBUG|TRACE)\b|level=(debug|trace)|"level":"(debug|trace)"/.test(start) ? 'debug' : '';
}
