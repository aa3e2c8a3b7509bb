/** A here-document of RUN, COPY or ADD. */
export interface Heredoc {
  /** What ends it, and the name of the file that COPY makes of it. */
  name: string;
  /** `<<-`: leading tabs go. */
  chomp: boolean;
  /** The name was not quoted: variables are replaced. */
  expand: boolean;
  /** File descriptor of a shell's redirection, '' for the usual. */
  descriptor: string;
  content: string;
}

const pattern = /^(\d*)<<(-?)(\S+)$/;

/** The words of a line as a shell cuts them, quotes and escapes kept. */
export function rawWords(text: string, escapeMark: string): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? '';
    if (character === escapeMark && quote !== "'") {
      word += character + (text[++at] ?? '');
    } else if (quote === '' && /\s/.test(character)) {
      if (word) words.push(word);
      word = '';
    } else {
      if (quote === '' && (character === '"' || character === "'")) quote = character;
      else if (character === quote) quote = '';
      word += character;
    }
  }
  if (word) words.push(word);
  return words;
}

/** The here-documents that a line announces; their text is not known yet. */
export function heredocsIn(rest: string, escapeMark: string): Heredoc[] {
  return rawWords(rest, escapeMark).flatMap(word => {
    const heredoc = heredocOf(word);
    return heredoc ? [heredoc] : [];
  });
}

/** `<<EOF`, `<<-"EOF"`, `3<<EOF`; `<<<word` and what holds another `<` is none. */
export function heredocOf(word: string): Heredoc | undefined {
  const [, descriptor = '', dash = '', given = ''] = pattern.exec(word) ?? [];
  if (given === '' || given.includes('<')) return undefined;
  const name = given.replace(/["'\\]/g, '');
  return name === '' ? undefined : { name, chomp: dash === '-', expand: name === given, descriptor, content: '' };
}
