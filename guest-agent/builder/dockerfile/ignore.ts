import { posix } from 'node:path';
import { pathTest } from './glob.ts';

interface Rule {
  matches(path: string): boolean;
  /** `!`: what matches is taken again. */
  includes: boolean;
}

/** The patterns of a `.dockerignore`: comments, blanks and the slashes around them are gone. */
export const readIgnoreFile = (text: string): string[] =>
  text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map(line => (line.startsWith('#') ? '' : line.trim()))
    .filter(line => line !== '')
    .map(cleaned);

function cleaned(line: string): string {
  const includes = line.startsWith('!');
  const path = posix.normalize(includes ? line.slice(1).trim() : line).replace(/^\/+(?=.)|\/+$/g, '');
  return (includes ? '!' : '') + path;
}

const toRule = (line: string): Rule => {
  const includes = line.startsWith('!');
  return { matches: pathTest(includes ? line.slice(1) : line, { orBelow: true }), includes };
};

/** True for paths (without a leading slash) that the patterns leave out; the last one that matches decides. */
export function ignorer(patterns: readonly string[]): (path: string) => boolean {
  const rules = patterns.filter(line => line !== '!' && line !== '.').map(toRule);
  return path => {
    let ignored = false;
    for (const { matches, includes } of rules) {
      if (ignored === includes && matches(path)) ignored = !includes;
    }
    return ignored;
  };
}
