import { parseReference } from '../../contracts/oci/reference.ts';
import { jsonList } from './dockerfile/arguments.ts';
import { suggestion } from './dockerfile/check.ts';
import { expandWord } from './dockerfile/expand.ts';
import type { Instruction } from './dockerfile/lines.ts';
import type { Dockerfile, Stage } from './dockerfile/stages.ts';

export interface Finding {
  rule: string;
  message: string;
  at: Instruction;
}

/** `# check=skip=…;error=…;experimental=…` */
export interface CheckSettings {
  skips(rule: string): boolean;
  /** Rules that are judged although their wording may still change. */
  experiments(rule: string): boolean;
  /** What is found ends the build. */
  error: boolean;
}

/** @param given the client's `BUILDKIT_DOCKERFILE_CHECK`, which wins over the file's own. */
export function checkSettings({ check }: Pick<Dockerfile, 'check'>, given?: string): CheckSettings {
  const pairs = (given ?? check ?? '').split(';').map(part => part.trim().split('='));
  const setting = (name: string): string => pairs.find(([key]) => key === name)?.[1] ?? '';
  const listed = (name: string) => {
    const names = setting(name)
      .split(',')
      .map(each => each.trim().toLowerCase());
    return (rule: string): boolean => names.includes('all') || names.includes(rule.toLowerCase());
  };
  return { skips: listed('skip'), experiments: listed('experimental'), error: /^(true|1)$/i.test(setting('error')) };
}

const keywordOf = ({ text }: Instruction): string => text.split(/\s/, 1)[0] ?? '';

/** What BuildKit's linter says of a file before any stage is looked into. Pure. */
export function fileFindings(dockerfile: Dockerfile, predefined: Readonly<Record<string, string>>): Finding[] {
  const { stages, metaArgs } = dockerfile;
  const all = [...metaArgs, ...stages.flatMap(stage => [stage.from, ...stage.instructions])];
  return [
    ...all.flatMap(at => (at.hasGap ? [gapFinding(at)] : [])),
    ...all.flatMap(at => (at.keyword === 'MAINTAINER' ? [maintainerFinding(at)] : [])),
    ...stages.flatMap(stage => nameFindings(stage, stages)),
    ...casingFindings(stages.flatMap(stage => [stage.from, ...stage.instructions])),
    ...stages.flatMap(platformFindings),
    ...baseFindings(dockerfile, predefined),
    ...descriptionFindings(dockerfile),
  ];
}

/** It is told of where the instruction ends. */
const gapFinding = (at: Instruction): Finding => ({
  rule: 'NoEmptyContinuation',
  message: 'Empty continuation line',
  at: { ...at, line: at.endLine },
});

const maintainerFinding = (at: Instruction): Finding => ({
  rule: 'MaintainerDeprecated',
  message: 'Maintainer instruction is deprecated in favor of using label',
  at,
});

function nameFindings({ from, name, index }: Stage, stages: readonly Stage[]): Finding[] {
  const [, word = '', as = '', typed = ''] = /^(\w+)\s.*\s(as)\s+(\S+)$/i.exec(from.text) ?? [];
  const casing = as !== '' && (as === as.toUpperCase()) !== (word === word.toUpperCase());
  const found: [boolean, string, string][] = [
    [typed !== name, 'StageNameCasing', `Stage name '${typed}' should be lowercase`],
    [casing, 'FromAsCasing', `'${as}' and '${word}' keywords' casing do not match`],
    [
      ['scratch', 'context'].includes(name),
      'ReservedStageName',
      `Stage name should not use the same name as reserved stage ${JSON.stringify(name)}`,
    ],
    [
      name !== '' && stages.slice(0, index).some(earlier => earlier.name === name),
      'DuplicateStageName',
      `Duplicate stage name ${JSON.stringify(name)}, stage names should be unique`,
    ],
  ];
  return found.flatMap(([holds, rule, message]) => (holds ? [{ rule, message, at: from }] : []));
}

/** Keywords are written as most of them are: all in capitals, or none. */
function casingFindings(instructions: readonly Instruction[]): Finding[] {
  const isLower = (word: string): boolean => word === word.toLowerCase();
  const isUpper = (word: string): boolean => word === word.toUpperCase();
  const typed = instructions.map(keywordOf);
  const mostlyLower = typed.filter(isLower).length > typed.filter(isUpper).length;
  const [fits, wanted] = mostlyLower ? [isLower, 'lowercase'] : [isUpper, 'uppercase'];
  return instructions.flatMap(at => {
    const word = keywordOf(at);
    const message = `Command '${word}' should match the case of the command majority (${wanted})`;
    return fits(word) ? [] : [{ rule: 'ConsistentInstructionCasing', message, at }];
  });
}

function platformFindings({ platform, from, name }: Stage): Finding[] {
  if (platform === undefined || platform === '') return [];
  if (/^\$\{?TARGETPLATFORM\}?$/.test(platform)) {
    const message =
      'Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior';
    return [{ rule: 'RedundantTargetPlatform', message: message.replace('$TARGETPLATFORM', platform), at: from }];
  }
  const [, architecture = ''] = platform.split('/');
  if (platform.includes('$') || (architecture !== '' && name.includes(architecture))) return [];
  const message = `FROM --platform flag should not use constant value ${JSON.stringify(platform)}`;
  return [{ rule: 'FromPlatformFlagConstDisallowed', message, at: from }];
}

/** Names of images that variables make: undeclared ones, and what comes of the defaults alone. */
function baseFindings(
  { metaArgs, stages, escapeMark }: Dockerfile,
  predefined: Readonly<Record<string, string>>,
): Finding[] {
  const defaults = defaultsOf(metaArgs, predefined, escapeMark);
  return stages.flatMap(({ base, from }) => {
    const unset = new Set<string>();
    const lookup = (name: string): string | undefined => {
      if (!defaults.has(name)) unset.add(name);
      return defaults.get(name);
    };
    const name = expandWord(base, { lookup, escapeMark });
    const undeclared = [...unset].map(each => ({
      rule: 'UndefinedArgInFrom',
      message: `FROM argument '${each}' is not declared${suggestion(each, [...defaults.keys()])}`,
      at: from,
    }));
    const message = `Default value for ARG ${base} results in empty or invalid base image name`;
    return isReference(name) ? undeclared : [{ rule: 'InvalidDefaultArgInFrom', message, at: from }, ...undeclared];
  });
}

function isReference(name: string): boolean {
  try {
    return parseReference(name) !== undefined;
  } catch {
    return false;
  }
}

function defaultsOf(
  metaArgs: readonly Instruction[],
  predefined: Readonly<Record<string, string>>,
  escapeMark: string,
): Map<string, string | undefined> {
  const values = new Map<string, string | undefined>(Object.entries(predefined));
  for (const { rest } of metaArgs) {
    for (const word of rest.split(/\s+/)) {
      const [name = '', value] = word.split(/=(.*)/s);
      const expanded =
        value === undefined ? undefined : expandWord(value, { lookup: key => values.get(key), escapeMark });
      values.set(name, expanded ?? values.get(name));
    }
  }
  return values;
}

/** A comment above ARG or a named FROM describes it, and begins with its name. */
function descriptionFindings({ metaArgs, stages }: Dockerfile): Finding[] {
  const described = [
    ...metaArgs.map(at => ({ at, name: at.rest.split(/[\s=]/, 1)[0] ?? '' })),
    ...stages.map(({ from, name }) => ({ at: from, name })),
    ...stages.flatMap(({ instructions }) =>
      instructions
        .filter(({ keyword }) => keyword === 'ARG')
        .map(at => ({ at, name: at.rest.split(/[\s=]/, 1)[0] ?? '' })),
    ),
  ];
  return described.flatMap(({ at, name }) => {
    const last = at.comment?.at(-1);
    if (last === undefined || name === '' || last.startsWith(`${name} `) || /^(check|syntax|escape)=/.test(last))
      return [];
    const message = `Comment for ${at.keyword} should follow the format: \`# ${name} <description>\``;
    return [{ rule: 'InvalidDefinitionDescription', message, at }];
  });
}

/** Whether a command is text for a shell. */
export const isShellForm = ({ rest }: Instruction): boolean => rest !== '' && !jsonList(rest);
