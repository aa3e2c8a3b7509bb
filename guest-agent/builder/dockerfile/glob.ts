/** A shell's pattern (`*`, `?`, an escape) as the source of a regular expression; `*` takes slashes, too. */
export function globToPattern(glob: string): string {
  let pattern = '';
  for (let at = 0; at < glob.length; at++) {
    const character = glob[at] ?? '';
    if (character === '*') pattern += '.*';
    else if (character === '?') pattern += '.';
    else pattern += literal(character === '\\' ? (glob[++at] ?? '\\') : character);
  }
  return pattern;
}

export const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');

/** Go's filepath.Match for one path segment or several: `*` and `?` stop at slashes, `[a-z]` is a class. */
export function pathPattern(glob: string, options: { doubleStar?: boolean } = {}): string {
  let pattern = '';
  for (let at = 0; at < glob.length; at++) {
    const character = glob[at] ?? '';
    if (character === '*' && options.doubleStar && glob[at + 1] === '*') {
      at++;
      if (glob[at + 1] === '/') {
        at++;
        pattern += '(?:.*/)?';
      } else pattern += '.*';
    } else if (character === '*') pattern += '[^/]*';
    else if (character === '?') pattern += '[^/]';
    else if (character === '[' && glob.indexOf(']', at + 2) > 0) {
      const end = glob.indexOf(']', at + 2);
      pattern += `[${glob.slice(at + 1, end).replace(/\\?\[/g, '\\[')}]`;
      at = end;
    } else pattern += literal(character === '\\' ? (glob[++at] ?? '\\') : character);
  }
  return pattern;
}

export const hasGlob = (text: string): boolean => /[*?[]/.test(text);
