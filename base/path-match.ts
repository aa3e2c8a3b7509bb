import { invalidArgument } from '../contracts/errors.ts';

/** One character of a text, or as many as there are up to a slash. */
type Piece = 'any' | ((character: string) => boolean);

/**
 * Go's `path.Match`: `*` and `?` stop at a slash, `[a-z]` and `[^a-z]` are classes, `\` quotes. The time is bound by the
 * length of the pattern times that of the text, whoever wrote them. @throws invalid-argument
 */
export function pathMatcher(pattern: string): (text: string) => boolean {
  const pieces = parse(pattern);
  return text => matches(pieces, [...text]);
}

/** What an asterisk took is given back for the last one only: more of an earlier one would find nothing that this one does not. */
function matches(pieces: readonly Piece[], text: readonly string[]): boolean {
  let retry: { piece: number; at: number } | undefined;
  let piece = 0;
  for (let at = 0; at < text.length; ) {
    const wanted = pieces[piece];
    if (wanted === 'any') retry = { piece: ++piece, at };
    else if (wanted?.(text[at] ?? '')) {
      piece++;
      at++;
    } else if (retry && text[retry.at] !== '/') {
      at = ++retry.at;
      piece = retry.piece;
    } else return false;
  }
  return pieces.slice(piece).every(left => left === 'any');
}

function parse(pattern: string): Piece[] {
  const pieces: Piece[] = [];
  const characters = [...pattern];
  while (characters.length > 0) {
    const character = characters.shift();
    if (character === '*') pieces.push('any');
    else if (character === '?') pieces.push(found => found !== '/');
    else if (character === '[') pieces.push(readClass(characters));
    else {
      const literal = character === '\\' ? characters.shift() : character;
      if (literal === undefined) throw wrong();
      pieces.push(found => found === literal);
    }
  }
  return pieces;
}

/** What follows an opening bracket, which it takes off `rest` with the closing one. */
function readClass(rest: string[]): Piece {
  const excludes = rest[0] === '^';
  if (excludes) rest.shift();
  const ranges: [low: string, high: string][] = [];
  while (rest[0] !== ']' || ranges.length === 0) {
    const low = readBound(rest);
    const isRange = rest[0] === '-';
    if (isRange) rest.shift();
    ranges.push([low, isRange ? readBound(rest) : low]);
  }
  rest.shift();
  return found => ranges.some(([low, high]) => low <= found && found <= high) !== excludes;
}

function readBound(rest: string[]): string {
  const first = rest.shift();
  const bound = first === '\\' ? rest.shift() : first;
  if (bound === undefined || first === '-' || first === ']' || rest.length === 0) throw wrong();
  return bound;
}

const wrong = (): Error => invalidArgument('syntax error in pattern');
