// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of a Dockerfile look so
import { describe, expect, it } from 'vitest';
import { expandWord, expandWords } from '../../../../../guest-agent/builder/dockerfile/expand.ts';

const variables: Readonly<Record<string, string>> = { A: 'one', EMPTY: '', PATH_: '/a/b/c.tar.gz', SPACE: 'x  y' };
const expansion = { lookup: (name: string) => variables[name], escapeMark: '\\' };

describe('variables of a Dockerfile', () => {
  it.each([
    ['$A-${A}', 'one-one'],
    ['${EMPTY:-d}|${EMPTY-d}|${NONE-d}', 'd||d'],
    ['${A:+set}|${EMPTY:+set}|${EMPTY+set}|${NONE+set}', 'set||set|'],
    ['${NONE:-${A}}', 'one'],
    ['${PATH_#*/}|${PATH_##*/}', 'a/b/c.tar.gz|c.tar.gz'],
    ['${PATH_%.*}|${PATH_%%.*}', '/a/b/c.tar|/a/b/c'],
    ['${PATH_#/*}|${PATH_##/?}|${PATH_%z}|${PATH_%%?}', 'a/b/c.tar.gz|/b/c.tar.gz|/a/b/c.tar.g|/a/b/c.tar.g'],
    ['${PATH_#x}|${PATH_%x}|${PATH_/x/y}|${A//*/$A}', '/a/b/c.tar.gz|/a/b/c.tar.gz|/a/b/c.tar.gz|one'],
    ['${PATH_/a/X}|${PATH_//\\//-}', '/X/b/c.tar.gz|-a-b-c.tar.gz'],
    ['\\$A \'$A\' "$A \\" \\n"', '$A $A one " \\n'],
    ['$ $: 100%', '$ $: 100%'],
  ])('%s is %s', (text, expected) => {
    expect(expandWord(text, expansion)).toBe(expected);
  });

  it('do not take for ever', () => {
    const lookup = (): string => 'a'.repeat(5000);
    const pattern = `${'*a'.repeat(500)}*b`;
    const text = `\${A#${pattern}}\${A%%${pattern}}\${A//${pattern}/}`;
    expect(expandWord(text, { lookup, escapeMark: '\\' })).toBe('a'.repeat(15_000));
  });

  it('cuts words where the text has blanks, not where a value has them', () => {
    expect(expandWords('a $SPACE "b c" ""', expansion)).toEqual(['a', 'x  y', 'b c', '']);
  });

  it.each([
    ['${A', `failed to process "\${A": syntax error: missing '}'`],
    ['${NONE:?is wanted}', 'failed to process "${NONE:?is wanted}": NONE: is wanted'],
    ['${A:z}', 'failed to process "${A:z}": unsupported modifier (:z) in substitution'],
  ])('refuses %s', (text, message) => {
    expect(() => expandWord(text, expansion)).toThrow(message);
  });
});
