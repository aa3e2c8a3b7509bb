import { argumentsOf, jsonList, pairsOf } from './dockerfile/arguments.ts';
import type { Instruction } from './dockerfile/lines.ts';
import type { Stage } from './dockerfile/stages.ts';
import { type Finding, isShellForm } from './lint.ts';

const secretName = /(^|_)(apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(_|$)/i;

/** An equals sign in the first word, in which a quote that does not end hides all that follows; one way only to read a text. */
const keyAndValue = /^(?:"[^"]*"|'[^']*'|[^\s="'])*(?:=|(?:"(?![^"]*")|'(?![^']*'))[^=]*=)/;

/** A rule of BuildKit's linter that looks at one instruction of a stage that is built: its messages. */
type Rule = (instruction: Instruction, stage: Stage, escapeMark: string) => string[];

const rules: Readonly<Record<string, Rule>> = {
  WorkdirRelativePath: (at, { instructions }) => {
    const isWorkdir = at.keyword === 'WORKDIR' && !/^[/$]/.test(at.rest);
    if (!isWorkdir || instructions.find(({ keyword }) => keyword === 'WORKDIR') !== at) return [];
    return [`Relative workdir ${JSON.stringify(at.rest)} can have unexpected results if the base image changes`];
  },
  JSONArgsRecommended: (at, { instructions }) => {
    if ((at.keyword !== 'CMD' && at.keyword !== 'ENTRYPOINT') || !isShellForm(at)) return [];
    const before = instructions.slice(0, instructions.indexOf(at));
    if (before.some(({ keyword }) => keyword === 'SHELL')) return []; // a shell is what somebody wanted
    return [`JSON arguments recommended for ${at.keyword} to prevent unintended behavior related to OS signals`];
  },
  MultipleInstructionsDisallowed: (at, { instructions }) => {
    const single = ['CMD', 'ENTRYPOINT', 'HEALTHCHECK'].includes(at.keyword);
    if (!single || instructions.findLast(({ keyword }) => keyword === at.keyword) === at) return [];
    const why = 'should not be used in the same stage because only the last one will be used';
    return [`Multiple ${at.keyword} instructions ${why}`];
  },
  LegacyKeyValueFormat: ({ keyword, rest }) =>
    (keyword === 'ENV' || keyword === 'LABEL') && !keyAndValue.test(rest)
      ? [`"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`]
      : [],
  SecretsUsedInArgOrEnv: (at, _stage, escapeMark) => {
    const { keyword } = at;
    if (keyword !== 'ARG' && keyword !== 'ENV') return [];
    const names = (keyword === 'ARG' ? argumentsOf(at, escapeMark) : pairsOf(at, escapeMark)).map(([name]) => name);
    return names
      .filter(name => secretName.test(name) && !/public/i.test(name))
      .map(name => `Do not use ARG or ENV instructions for sensitive data (${keyword} ${JSON.stringify(name)})`);
  },
  ExposeProtoCasing: ({ keyword, rest }) =>
    keyword === 'EXPOSE'
      ? rest
          .split(/\s+/)
          .filter(port => /\/.*[A-Z]/.test(port))
          .map(port => `Defined protocol '${port}' in EXPOSE instruction should be lowercase`)
      : [],
  ExposeInvalidFormat: ({ keyword, rest }) =>
    keyword === 'EXPOSE'
      ? rest
          .split(/\s+/)
          .filter(port => /^[\d.:[\]a-f-]*:/.test(port))
          .map(port => `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`)
      : [],
};

/** What the linter says of the instructions of a stage. Pure. */
export const stageFindings = (stage: Stage, escapeMark: string): Finding[] =>
  stage.instructions.flatMap(at =>
    Object.entries(rules).flatMap(([rule, judge]) =>
      judge(at, stage, escapeMark).map(message => ({ rule, message, at })),
    ),
  );

/** Sources of COPY and ADD that `ignored` leaves out of the context. */
export const ignoredSources = (stage: Stage, ignored: (path: string) => boolean): Finding[] =>
  stage.instructions.flatMap(at => {
    const copies =
      (at.keyword === 'COPY' || at.keyword === 'ADD') && !at.flags.some(flag => flag.startsWith('--from='));
    const words = copies ? (jsonList(at.rest) ?? at.rest.split(/\s+/)).slice(0, -1) : [];
    return words
      .filter(word => !/[$*?[]|^<<|:\/\//.test(word) && ignored(word.replace(/^\.?\/+|(?<!\/)\/+$/g, '')))
      .map(word => ({
        rule: 'CopyIgnoredFile',
        message: `Attempting to ${at.keyword === 'COPY' ? 'Copy' : 'Add'} file ${JSON.stringify(word)} that is excluded by .dockerignore`,
        at,
      }));
  });
