// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of a Dockerfile look so
import { describe, expect, it } from 'vitest';
import { parseDockerfile, sourcesOf, targetStage } from '../../../../../guest-agent/builder/dockerfile/stages.ts';

const everything = `# syntax=docker/dockerfile:1
# escape=\`
# a comment ends the directives
ARG BASE=busybox
FROM --platform=$BUILDPLATFORM \${BASE} AS Base

run echo one \`
# a comment inside
    two
COPY --from=base --chown="a b" ["x y", "/z/"]
RUN --mount=type=bind,from=base,target=/m <<ONE cat <<-"TWO"
first $A
ONE
	second
	TWO
FROM scratch
`;

describe('a Dockerfile', () => {
  it('is cut into stages and instructions', () => {
    const { stages, metaArgs, escapeMark, syntax } = parseDockerfile(everything);
    expect({ escapeMark, syntax, metaArgs: metaArgs.map(({ rest }) => rest) }).toEqual({
      escapeMark: '`',
      syntax: 'docker/dockerfile:1',
      metaArgs: ['BASE=busybox'],
    });
    expect(stages.map(({ name, base, platform }) => ({ name, base, platform }))).toEqual([
      { name: 'base', base: '${BASE}', platform: '$BUILDPLATFORM' },
      { name: '', base: 'scratch', platform: undefined },
    ]);
    expect(stages[0]?.instructions).toMatchObject([
      { keyword: 'RUN', rest: 'echo one     two', line: 7, endLine: 9 },
      { keyword: 'COPY', flags: ['--from=base', '--chown=a b'], rest: '["x y", "/z/"]', line: 10 },
      {
        keyword: 'RUN',
        heredocs: [
          { name: 'ONE', chomp: false, expand: true, content: 'first $A\n' },
          { name: 'TWO', chomp: true, expand: false, content: 'second\n' },
        ],
      },
    ]);
    expect(stages[0]?.instructions.flatMap(sourcesOf)).toEqual(['base', 'base']);
  });

  // the words of dockerd 28.5.2
  it.each([
    ['', 'dockerfile parse error: file with no instructions'],
    ['FROM a\nRUNN x', 'dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)'],
    ['FROM a\nCOPY --foo=1 a b', 'dockerfile parse error on line 2: unknown flag: --foo (did you mean from?)'],
    ['FROM a\n\nWORKDIR', 'dockerfile parse error on line 3: WORKDIR requires exactly one argument'],
    [
      'FROM a\nCOPY x',
      'dockerfile parse error on line 2: COPY requires at least two arguments, but only one was provided. Destination could not be determined',
    ],
    ['RUN x', 'no build stage in current context'],
    ['FROM a\nRUN <<X\ny', 'unterminated heredoc'],
    ['FROM a b', 'dockerfile parse error on line 1: FROM requires either one or three arguments'],
  ])('%j is refused', (source, message) => {
    expect(() => parseDockerfile(source)).toThrow(message);
  });

  it('has the target that is asked for', () => {
    const file = parseDockerfile('FROM a AS one\nFROM b');
    expect(targetStage(file, 'ONE').base).toBe('a');
    expect(targetStage(file, '1').base).toBe('b');
    expect(() => targetStage(file, 'zz')).toThrow('target stage "zz" could not be found');
  });
});
