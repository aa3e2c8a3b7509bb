import { invalidArgument } from '../../../contracts/errors.ts';
import { globToPattern, linear } from './glob.ts';

/** Variables by name; undefined is unset. */
export type Lookup = (name: string) => string | undefined;

export interface Expansion {
  lookup: Lookup;
  escapeMark: string;
  /** Quotes and escapes stay: for text that a shell will read again, and for here-documents. */
  keepQuotes?: boolean;
  /** What is unset stays as it was typed: for text that is only shown. */
  keepUnset?: boolean;
  /** Told of names that nothing is known of. */
  unset?(name: string): void;
}

class Reader {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  get peek(): string {
    return this.text[this.at] ?? '';
  }

  next(): string {
    return this.text[this.at++] ?? '';
  }

  get done(): boolean {
    return this.at >= this.text.length;
  }
}

/** One word: quotes and escapes are taken away, variables replaced. @throws invalid-argument in BuildKit's words */
export function expandWord(text: string, expansion: Expansion): string {
  return guarded(text, () => new Expander(text, expansion).until(''));
}

/** Cut at blanks that no quote protects; what variables bring is not cut. @throws invalid-argument */
export function expandWords(text: string, expansion: Expansion): string[] {
  return guarded(text, () => new Expander(text, expansion).words());
}

function guarded<T>(text: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw invalidArgument(`failed to process ${JSON.stringify(text)}: ${(error as Error).message}`, { cause: error });
  }
}

const nameStart = /[a-zA-Z_]/;
const special = /[0-9@*#?!$-]/;

class Expander {
  readonly #reader: Reader;
  readonly #expansion: Expansion;

  constructor(text: string, expansion: Expansion) {
    this.#reader = new Reader(text);
    this.#expansion = expansion;
  }

  words(): string[] {
    const words: string[] = [];
    let word: string | undefined;
    while (!this.#reader.done) {
      if (/\s/.test(this.#reader.peek)) {
        this.#reader.next();
        if (word !== undefined) words.push(word);
        word = undefined;
      } else {
        const quoted = this.#reader.peek === '"' || this.#reader.peek === "'";
        const piece = this.#piece();
        if (piece !== '' || quoted) word = (word ?? '') + piece;
      }
    }
    return word === undefined ? words : [...words, word];
  }

  /** Up to the character `stop`, which is eaten, or to the end. */
  until(stop: string): string {
    let result = '';
    while (!this.#reader.done) {
      if (stop !== '' && this.#reader.peek === stop) {
        this.#reader.next();
        return result;
      }
      result += this.#piece();
    }
    if (stop !== '') throw new Error(`unexpected end of statement while looking for matching ${stop}`);
    return result;
  }

  #piece(): string {
    const { escapeMark, keepQuotes } = this.#expansion;
    const character = this.#reader.next();
    if (character === '$') return this.#dollar();
    if (character === escapeMark) {
      const escaped = this.#reader.next();
      return keepQuotes ? (escaped === '$' ? '$' : character + escaped) : escaped;
    }
    if (keepQuotes) return character;
    if (character === "'") return this.#singleQuoted();
    return character === '"' ? this.#doubleQuoted() : character;
  }

  #singleQuoted(): string {
    let result = '';
    for (;;) {
      if (this.#reader.done) throw new Error('unexpected end of statement while looking for matching single-quote');
      const character = this.#reader.next();
      if (character === "'") return result;
      result += character;
    }
  }

  #doubleQuoted(): string {
    const { escapeMark } = this.#expansion;
    let result = '';
    for (;;) {
      if (this.#reader.done) throw new Error('unexpected end of statement while looking for matching double-quote');
      const character = this.#reader.next();
      if (character === '"') return result;
      if (character === '$') result += this.#dollar();
      else if (character === escapeMark) result += this.#escapedInQuotes(escapeMark);
      else result += character;
    }
  }

  #escapedInQuotes(escapeMark: string): string {
    const next = this.#reader.next();
    return next === '"' || next === '$' || next === escapeMark ? next : escapeMark + next;
  }

  #dollar(): string {
    if (this.#reader.peek !== '{') {
      const name = this.#name();
      return name === '' ? '$' : this.#plain(name, `$${name}`);
    }
    this.#reader.next();
    const name = this.#name();
    if (name === '') throw new Error('syntax error: bad substitution');
    if (this.#reader.done) throw new Error("syntax error: missing '}'");
    return this.#modified(name, this.#reader.next());
  }

  #plain(name: string, typed: string): string {
    const value = this.#expansion.lookup(name);
    if (value !== undefined) return value;
    this.#expansion.unset?.(name);
    return this.#expansion.keepUnset ? typed : '';
  }

  #name(): string {
    const { peek } = this.#reader;
    if (!nameStart.test(peek)) return special.test(peek) ? this.#reader.next() : '';
    let name = '';
    while (/\w/.test(this.#reader.peek)) name += this.#reader.next();
    return name;
  }

  #modified(name: string, sign: string): string {
    if (sign === '}') return this.#plain(name, `\${${name}}`);
    const value = this.#expansion.lookup(name);
    if (value === undefined) this.#expansion.unset?.(name);
    switch (sign) {
      case ':':
        return this.#conditional(name, value || undefined, this.#reader.next(), 'empty');
      case '+':
      case '-':
      case '?':
        return this.#conditional(name, value, sign, 'unset');
      case '#':
      case '%':
        return this.#trimmed(value ?? '', sign);
      case '/':
        return this.#replaced(value ?? '');
      default:
        throw new Error(`unsupported modifier (${sign}) in substitution`);
    }
  }

  #conditional(name: string, value: string | undefined, sign: string, lacking: string): string {
    if (!['+', '-', '?'].includes(sign)) throw new Error(`unsupported modifier (:${sign}) in substitution`);
    const word = this.until('}');
    if (sign === '+') return value === undefined ? '' : word;
    if (sign === '-') return value ?? word;
    if (value !== undefined) return value;
    throw new Error(`${name}: ${word || `is not allowed to be ${lacking}`}`);
  }

  /** `#`, `##`, `%`, `%%`: the shortest or longest match goes, at the front or at the end. */
  #trimmed(value: string, sign: string): string {
    const greedy = this.#reader.peek === sign;
    if (greedy) this.#reader.next();
    const pattern = globToPattern(this.until('}'), greedy ? '.*' : '.*?');
    if (sign === '#') return linear(`^${pattern}`).matcher(value).replaceFirst('');
    const before = greedy ? '.*?' : '.*';
    return linear(`^(${before})${pattern}$`).exec(value)?.[1] ?? value;
  }

  #replaced(value: string): string {
    const all = this.#reader.peek === '/';
    if (all) this.#reader.next();
    const pattern = globToPattern(this.until('/'));
    const replacement = this.until('}');
    const found = linear(pattern).matcher(value);
    if (!all) return found.replaceFirst(() => replacement);
    let end = -1;
    return found.replaceAll((match: string, at: number) => {
      const isNothing = match === '' && at === end; // to Go, nothing right after a match is none
      end = at + match.length;
      return isNothing ? '' : replacement;
    });
  }
}
