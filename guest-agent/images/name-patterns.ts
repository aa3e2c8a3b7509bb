import { invalidArgument } from '../../contracts/errors.ts';

/** Go's `path.Match`: `*` and `?` stop at a slash, `[a-z]` and `[^a-z]` are classes, `\` quotes. @throws invalid-argument */
export function pathMatch(pattern: string, text: string): boolean {
  let source = '';
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern.charAt(at);
    const classEnd = char === '[' ? pattern.indexOf(']', at + 2) : -1;
    if ((char === '[' && classEnd < 0) || (char === '\\' && at === pattern.length - 1)) {
      throw invalidArgument('syntax error in pattern');
    }
    if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (char === '\\') source += quoted(pattern.charAt(++at));
    else if (classEnd > 0) {
      source += `[${pattern.slice(at + 1, classEnd).replaceAll('\\', '\\\\')}]`;
      at = classEnd;
    } else source += quoted(char);
  }
  return new RegExp(`^${source}$`, 'u').test(text);
}

const quoted = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
