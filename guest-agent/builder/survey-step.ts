import { flagValue, wordsOf } from './dockerfile/arguments.ts';
import { type Expansion, expandWord } from './dockerfile/expand.ts';
import { heredocOf } from './dockerfile/heredoc.ts';
import type { Instruction } from './dockerfile/lines.ts';
import { workdirOf } from './metadata.ts';
import type { StageState } from './state.ts';

/** What an instruction that makes a layer does to a stage when nothing is made. @throws as the step would, where words are wrong */
export function surveyStep(state: StageState, instruction: Instruction, expansion: Expansion): StageState {
  switch (instruction.keyword) {
    case 'WORKDIR': {
      const WorkingDir = workdirOf(state, expandWord(instruction.rest, expansion));
      return { ...state, config: { ...state.config, WorkingDir } };
    }
    case 'COPY':
    case 'ADD': {
      const flags = ['chown', 'chmod', 'checksum'].map(name => flagValue(instruction, name) ?? '');
      const words = wordsOf(instruction, expansion.escapeMark).filter(word => !heredocOf(word));
      for (const word of [...flags, ...words]) expandWord(word, expansion);
      return state;
    }
    default:
      return state;
  }
}
