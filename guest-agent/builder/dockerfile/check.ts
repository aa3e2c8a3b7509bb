import { argumentsOf, flagValues, pairsOf, wordsOf } from './arguments.ts';
import { dockerfileError } from './failure.ts';
import { type Instruction, parseInstruction } from './lines.ts';

/** Every instruction, with the flags that it takes. */
const flagsOf: Readonly<Record<string, readonly string[]>> = {
  ADD: ['chown', 'chmod', 'link', 'keep-git-dir', 'checksum', 'exclude', 'unpack'],
  ARG: [],
  CMD: [],
  COPY: ['from', 'chown', 'chmod', 'link', 'parents', 'exclude'],
  ENTRYPOINT: [],
  ENV: [],
  EXPOSE: [],
  FROM: ['platform'],
  HEALTHCHECK: ['interval', 'timeout', 'start-period', 'start-interval', 'retries'],
  LABEL: [],
  MAINTAINER: [],
  ONBUILD: [],
  RUN: ['mount', 'network', 'device'],
  SHELL: [],
  STOPSIGNAL: [],
  USER: [],
  VOLUME: [],
  WORKDIR: [],
};

const atLeastOne = ['ADD', 'COPY', 'ENV', 'LABEL', 'EXPOSE', 'VOLUME', 'ARG', 'ONBUILD'];
const exactlyOne = ['WORKDIR', 'USER', 'STOPSIGNAL', 'MAINTAINER'];

/** Refuses what can be refused without knowing any value. @throws invalid-argument with the line, in BuildKit's words */
export function checkInstruction(instruction: Instruction, escapeMark: string): void {
  const { keyword, flags, rest, line } = instruction;
  const known = flagsOf[keyword];
  if (!known) {
    throw dockerfileError(
      `unknown instruction: ${instruction.text.split(/\s/, 1)[0]}${suggestion(keyword, Object.keys(flagsOf))}`,
      line,
    );
  }
  for (const flag of flags) {
    const name = flag.slice(2).split('=', 1)[0] ?? '';
    if (!known.includes(name)) throw dockerfileError(`unknown flag: --${name}${suggestion(name, known)}`, line);
  }
  if (exactlyOne.includes(keyword) && rest === '')
    throw dockerfileError(`${keyword} requires exactly one argument`, line);
  if (atLeastOne.includes(keyword) && rest === '') {
    throw dockerfileError(`${keyword} requires at least one argument`, line);
  }
  checkWords(instruction, escapeMark);
}

function checkWords(instruction: Instruction, escapeMark: string): void {
  const { keyword, line } = instruction;
  switch (keyword) {
    case 'ADD':
    case 'COPY':
      if (wordsOf(instruction, escapeMark).length < 2) {
        const missing = 'at least two arguments, but only one was provided. Destination could not be determined';
        throw dockerfileError(`${keyword} requires ${missing}`, line);
      }
      return;
    case 'ENV':
    case 'LABEL':
      for (const [name] of pairsOf(instruction, escapeMark)) {
        if (name === '') throw dockerfileError(`${keyword} names can not be blank`, line);
      }
      return;
    case 'ARG':
      for (const [name] of argumentsOf(instruction, escapeMark)) {
        if (name === '') throw dockerfileError('ARG names can not be blank', line);
      }
      return;
    case 'RUN':
      checkNetwork(instruction);
      return;
    case 'ONBUILD':
      checkTrigger(instruction, escapeMark);
      return;
    default:
      return;
  }
}

const networks = ['default', 'none', 'host'];

function checkNetwork(instruction: Instruction): void {
  for (const mode of flagValues(instruction, 'network')) {
    if (networks.includes(mode)) continue;
    throw dockerfileError(`invalid network mode ${JSON.stringify(mode)}`, instruction.line);
  }
  if (flagValues(instruction, 'mount').includes(''))
    throw dockerfileError('failed to parse csv mounts: EOF', instruction.line);
}

function checkTrigger({ rest, line }: Instruction, escapeMark: string): void {
  const trigger = parseInstruction(rest, escapeMark);
  const { keyword } = trigger;
  if (keyword === 'ONBUILD') throw dockerfileError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed", line);
  if (keyword === 'FROM' || keyword === 'MAINTAINER') {
    throw dockerfileError(`${keyword} isn't allowed as an ONBUILD trigger`, line);
  }
  checkInstruction({ ...trigger, line, endLine: line, heredocs: [] }, escapeMark);
}

/** ` (did you mean x?)` for a word that is nearly one of those; `mark` stands before it. */
export function suggestion(word: string, known: readonly string[], mark = ''): string {
  const nearest = known
    .map(name => ({ name, distance: distanceOf(word.toLowerCase(), name.toLowerCase()) }))
    .filter(({ distance }) => distance < closeEnough)
    .sort((left, right) => left.distance - right.distance)[0];
  return nearest ? ` (did you mean ${mark}${nearest.name}?)` : '';
}

/** Changes of a letter by which what was meant may differ. */
const closeEnough = 3;

/** Levenshtein's. */
function distanceOf(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let at = 1; at <= left.length; at++) {
    const next = [at];
    for (let other = 1; other <= right.length; other++) {
      const change = (row[other - 1] ?? 0) + (left[at - 1] === right[other - 1] ? 0 : 1);
      next.push(Math.min(change, (row[other] ?? 0) + 1, (next[other - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
