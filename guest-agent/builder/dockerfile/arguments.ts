import { stepError } from './failure.ts';
import { rawWords } from './heredoc.ts';
import type { Instruction } from './lines.ts';

/** `["a", "b"]` as a list; undefined for text that a shell reads. */
export function jsonList(rest: string): string[] | undefined {
  if (!rest.startsWith('[')) return undefined;
  try {
    const list: unknown = JSON.parse(rest);
    return Array.isArray(list) && list.every(word => typeof word === 'string') ? list : undefined;
  } catch {
    return undefined;
  }
}

/** Words of COPY, ADD, VOLUME and the like: a JSON list, or what blanks part. */
export const wordsOf = (instruction: Instruction, escapeMark: string): string[] =>
  jsonList(instruction.rest) ?? rawWords(instruction.rest, escapeMark);

/** `a=1 b="2 3"`, or in the old way `a 1`; values as typed. @throws invalid-argument in BuildKit's words */
export function pairsOf({ keyword, rest, line }: Instruction, escapeMark: string): [string, string][] {
  const words = rawWords(rest, escapeMark);
  if (!words[0]?.includes('=')) {
    const [, name = '', value] = /^(\S+)\s+([\s\S]*)$/.exec(rest) ?? [];
    if (value === undefined) throw stepError(`${keyword} must have two arguments`, line);
    return [[name, value]];
  }
  return words.map(word => {
    const at = word.indexOf('=');
    if (at === -1) {
      const wanted = 'Must be of the form: name=value';
      throw stepError(`Syntax error - can't find = in ${JSON.stringify(word)}. ${wanted}`, line);
    }
    return [word.slice(0, at), word.slice(at + 1)];
  });
}

/** `ARG a b=1`: a name without a value has none. */
export const argumentsOf = ({ rest }: Instruction, escapeMark: string): [string, string | undefined][] =>
  rawWords(rest, escapeMark).map(word => {
    const at = word.indexOf('=');
    return at === -1 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
  });

/** The values of `--name=…`, in their order. */
export const flagValues = ({ flags }: Instruction, name: string): string[] =>
  flags.flatMap(flag => {
    if (flag === `--${name}`) return [''];
    return flag.startsWith(`--${name}=`) ? [flag.slice(name.length + 3)] : [];
  });

export const flagValue = (instruction: Instruction, name: string): string | undefined =>
  flagValues(instruction, name).at(-1);

/** A flag without a value is true. */
export const booleanFlag = (instruction: Instruction, name: string): boolean =>
  flagValues(instruction, name).some(value => value === '' || value === 'true');
