import { flagValues } from './dockerfile/arguments.ts';
import { type Expansion, expandWord } from './dockerfile/expand.ts';
import type { Instruction } from './dockerfile/lines.ts';
import { findStage, type Stage, sourcesOf } from './dockerfile/stages.ts';
import { lookupIn, type StageState } from './state.ts';

/** A step's text as progress shows it: with the values of variables, but for secrets, and how its script begins. */
export function shownText(instruction: Instruction, state: StageState, escapeMark: string): string {
  const secrets = new Set(secretVariables(instruction));
  const known = lookupIn(state);
  const lookup = (name: string): string | undefined => (secrets.has(name) ? '****' : known(name));
  const { text, heredocs, rest, keyword } = instruction;
  const bare = keyword === 'RUN' ? text : text.replace(/(<<-?)["'](\S+)["']/g, '$1$2');
  const shown = expandedOrNot(bare, {
    lookup,
    escapeMark,
    keepQuotes: keyword === 'RUN',
    keepUnset: keyword === 'RUN',
  });
  const [only] = heredocs;
  return only && keyword === 'RUN' && !/\s/.test(rest) ? `${shown} (${summary(only.content)})` : shown;
}

function expandedOrNot(text: string, expansion: Expansion): string {
  try {
    return expandWord(text, expansion);
  } catch {
    return text; // a shell's own substitutions
  }
}

/** `RUN --mount=type=secret,env=NAME`. */
const secretVariables = (instruction: Instruction): string[] =>
  flagValues(instruction, 'mount').flatMap(mount => {
    const [, name] = /(?:^|,)env=([^,]+)/.exec(mount) ?? [];
    return name === undefined ? [] : [name];
  });

function summary(script: string): string {
  const [first = '', ...more] = script.trim().split(/\r?\n/);
  return more.length > 0 ? `${first}...` : first;
}

/** `[base 2/4] `: numbers are as wide as the last. */
export const shownNumber = (prefix: string, at: number, total: number): string =>
  `[${prefix}${String(at).padStart(String(total).length)}/${total}] `;

/** BuildKit names the stages once there is more than one; what mounts and copies name counts as one. */
export function namesStages(stages: readonly Stage[]): boolean {
  if (stages.length > 1) return true;
  return stages.some(({ instructions, index }) =>
    instructions.some(
      instruction =>
        flagValues(instruction, 'mount').length > 0 ||
        sourcesOf(instruction).some(source => !findStage(stages, source, index)),
    ),
  );
}
