import { invalidArgument } from '../../../contracts/errors.ts';
import { flagValue, flagValues } from './arguments.ts';
import { checkInstruction } from './check.ts';
import { dockerfileError, stepError } from './failure.ts';
import { type Instruction, type ParsedFile, parseLines } from './lines.ts';

/** One `FROM` with what follows it. */
export interface Stage {
  index: number;
  /** In small letters; '' when it has none. */
  name: string;
  /** As typed: an image or an earlier stage, with variables. */
  base: string;
  platform: string | undefined;
  from: Instruction;
  instructions: readonly Instruction[];
}

/** A Dockerfile whose instructions are all well formed. */
export interface Dockerfile extends Omit<ParsedFile, 'instructions'> {
  /** ARGs before the first stage. */
  metaArgs: readonly Instruction[];
  stages: readonly Stage[];
  /** The whole file's lines, for errors that show them. */
  source: string;
}

/** @throws DockerfileError in BuildKit's words */
export function parseDockerfile(source: string): Dockerfile {
  const { instructions, ...rest } = parseLines(source);
  for (const instruction of instructions) checkInstruction(instruction, rest.escapeMark);
  const metaArgs: Instruction[] = [];
  const stages: Stage[] = [];
  let current: Instruction[] = [];
  for (const instruction of instructions) {
    const { keyword, line } = instruction;
    if (keyword === 'FROM') {
      current = [];
      stages.push(toStage(instruction, stages, current));
    } else if (stages.length > 0) current.push(instruction);
    else if (keyword === 'ARG') metaArgs.push(instruction);
    else throw stepError('no build stage in current context', line);
  }
  if (stages.length === 0) throw stepError('dockerfile contains no stages to build', undefined);
  return { ...rest, metaArgs, stages, source };
}

function toStage(from: Instruction, earlier: readonly Stage[], instructions: Instruction[]): Stage {
  const words = from.rest.split(/\s+/).filter(Boolean);
  const [base = '', as = '', name = ''] = words;
  const named = words.length === 3 && as.toLowerCase() === 'as';
  if (words.length !== 1 && !named) throw dockerfileError('FROM requires either one or three arguments', from.line);
  const lower = name.toLowerCase();
  if (named && !/^[a-z][a-z0-9-_.]*$/.test(lower)) {
    const rule = "name can't start with a number or contain symbols";
    throw dockerfileError(`invalid name for build stage: ${JSON.stringify(name)}, ${rule}`, from.line);
  }
  return { index: earlier.length, name: lower, base, platform: flagValue(from, 'platform'), from, instructions };
}

/** A stage by its name or number, among those before `limit`. */
export function findStage(stages: readonly Stage[], wanted: string, limit = stages.length): Stage | undefined {
  const lower = wanted.toLowerCase();
  const before = stages.slice(0, limit);
  return (
    before.findLast(({ name }) => name !== '' && name === lower) ??
    (/^\d+$/.test(wanted) ? before[Number(wanted)] : undefined)
  );
}

/** The stage that a FROM stands on, to BuildKit: as its name is kept, in small letters. */
export const findBase = (stages: readonly Stage[], base: string, limit: number): Stage | undefined =>
  stages.slice(0, limit).findLast(({ name }) => name !== '' && name === base);

/** What `--target` names, else the last stage. @throws invalid-argument */
export function targetStage({ stages }: Dockerfile, target: string | undefined): Stage {
  const found = target ? findStage(stages, target) : stages.at(-1);
  if (!found) throw invalidArgument(`target stage ${JSON.stringify(target)} could not be found`);
  return found;
}

/** The stage and all that it stands on or copies from, first things first. */
export function neededStages(stage: Stage, { stages }: Pick<Dockerfile, 'stages'>, seen: Stage[] = []): Stage[] {
  if (seen.includes(stage)) return seen;
  const names = [stage.base, ...stage.instructions.flatMap(sourcesOf)];
  for (const name of names) {
    const earlier = findStage(stages, name, stage.index);
    if (earlier) neededStages(earlier, { stages }, seen);
  }
  seen.push(stage);
  return seen;
}

/** What an instruction takes files from, besides the context: stages, images or named contexts, as typed. */
export function sourcesOf(instruction: Instruction): string[] {
  const own = instruction.keyword === 'RUN' ? flagValues(instruction, 'mount').map(fromOfMount) : [];
  return [...flagValues(instruction, 'from'), ...own].filter(source => source !== '');
}

const fromOfMount = (mount: string): string => /(?:^|,)from=([^,]*)/.exec(mount)?.[1] ?? '';
