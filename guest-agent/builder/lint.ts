import type { BuildWarning } from './contract.ts';
import { argumentsOf, jsonList } from './dockerfile/arguments.ts';
import type { Instruction } from './dockerfile/lines.ts';
import type { Dockerfile } from './dockerfile/stages.ts';

/** A rule of BuildKit's linter that looks at one instruction: its message, or nothing. */
type Rule = (instruction: Instruction, escapeMark: string) => string | undefined;

const secretName = /(^|_)(apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(_|$)/i;

const rules: Readonly<Record<string, Rule>> = {
  JSONArgsRecommended: ({ keyword, rest }) =>
    (keyword === 'CMD' || keyword === 'ENTRYPOINT') && rest !== '' && !jsonList(rest)
      ? `JSON arguments recommended for ${keyword} to prevent unintended behavior related to OS signals`
      : undefined,
  MaintainerDeprecated: ({ keyword }) =>
    keyword === 'MAINTAINER' ? 'Maintainer instruction is deprecated in favor of using label' : undefined,
  LegacyKeyValueFormat: ({ keyword, rest }) =>
    (keyword === 'ENV' || keyword === 'LABEL') && !/^\S+=/.test(rest)
      ? `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`
      : undefined,
  SecretsUsedInArgOrEnv: (instruction, escapeMark) => {
    if (instruction.keyword !== 'ARG' && instruction.keyword !== 'ENV') return undefined;
    const [name] = argumentsOf(instruction, escapeMark).find(([each]) => secretName.test(each)) ?? [];
    if (name === undefined) return undefined;
    return `Do not use ARG or ENV instructions for sensitive data (${instruction.keyword} ${JSON.stringify(name)})`;
  },
  FromAsCasing: ({ keyword, text }) => {
    const [, from = '', as = ''] = keyword === 'FROM' ? (/^(\w+)\s.*\s(as)\s+\S+$/i.exec(text) ?? []) : [];
    if (as === '' || (as === as.toUpperCase()) === (from === from.toUpperCase())) return undefined;
    return `'${as}' and '${from}' keywords' casing do not match`;
  },
};

/** Rules that `# check=skip=…` leaves out. */
function skipped(check: string | undefined): (rule: string) => boolean {
  const [, list = ''] = /(?:^|;)\s*skip=([^;]*)/.exec(check ?? '') ?? [];
  const names = list.split(',').map(name => name.trim().toLowerCase());
  return rule => names.includes('all') || names.includes(rule.toLowerCase());
}

/** What BuildKit's linter would say, by the rules that are there. */
export function warningsOf({ stages, metaArgs, escapeMark, check }: Dockerfile): BuildWarning[] {
  const skips = skipped(check);
  const all = [...metaArgs, ...stages.flatMap(stage => [stage.from, ...stage.instructions])];
  return all.flatMap(instruction =>
    Object.entries(rules).flatMap(([rule, judge]) => {
      const message = skips(rule) ? undefined : judge(instruction, escapeMark);
      return message === undefined ? [] : [{ rule, message, line: instruction.line }];
    }),
  );
}
