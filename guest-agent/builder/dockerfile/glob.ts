import { RE2JS } from 're2js';
import { invalidArgument } from '../../../contracts/errors.ts';

/**
 * An expression whose time is linear in the text, as Go's are: JavaScript's own backtrack, and a Dockerfile could keep the
 * engine busy for ever. @throws invalid-argument
 */
export function linear(source: string): RE2JS {
  try {
    return RE2JS.compile(source, RE2JS.DOTALL);
  } catch (error) {
    throw invalidArgument('syntax error in pattern', { cause: error });
  }
}

/** A shell's pattern (`*`, `?`, an escape) as the source of a regular expression; `*` takes slashes, too. */
export function globToPattern(glob: string, any: '.*' | '.*?' = '.*'): string {
  let pattern = '';
  for (let at = 0; at < glob.length; at++) {
    const character = glob[at] ?? '';
    if (character === '*') pattern += any;
    else if (character === '?') pattern += '.';
    else pattern += literal(character === '\\' ? (glob[++at] ?? '\\') : character);
  }
  return pattern;
}

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');

/**
 * Whether a path is meant, as moby's patternmatcher has it: `*` and `?` stop at slashes, `**` does not, `[a-z]` is a class.
 * @throws invalid-argument
 */
export function pathTest(glob: string, { orBelow = false } = {}): (path: string) => boolean {
  const source = `^${pathPattern(glob)}${orBelow ? '(?:/.*)?' : ''}$`;
  const expression = isHarmless(glob) ? new RegExp(source, 's') : linear(source);
  return path => expression.test(path);
}

/** As most are: one `**` and one `*`, which ends at a slash, cannot be tried in many ways. */
const isHarmless = (glob: string): boolean =>
  !/[[\\]/.test(glob) && !glob.replace('**', '').replace('*', '').includes('*');

function pathPattern(glob: string): string {
  let pattern = '';
  for (let at = 0; at < glob.length; at++) {
    const character = glob[at] ?? '';
    if (character === '*' && glob[at + 1] === '*') {
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
