import { command, succeed } from '../support/command.ts';
import type { Scenario, Step } from './scenarios.ts';

/** What a command printed, with what differs from run to run taken out. */
export interface Outcome {
  docker: string[];
  code: number;
  stdout: string;
  stderr: string;
}

/** Ids, digests, times: never the same twice. */
const volatile: [RegExp, string][] = [
  [/\b[0-9a-f]{64}\b/g, '<id>'],
  [/\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)/g, '<time>'],
  [/\b[0-9a-f]{12}\b/g, '<short id>'],
  [/"(Data|Log|Resolv\w*|Host\w*)Path":"[^"]*"/g, '"$1Path":"<path>"'],
];

function settled(text: string, hide: readonly RegExp[]): string {
  const hidden = hide.reduce((kept, pattern) => kept.replace(pattern, '<hidden>'), text);
  return volatile.reduce((kept, [pattern, word]) => kept.replace(pattern, word), hidden);
}

/** Words of a scenario, such as `{hostile}`, and what they stand for this time, such as `localhost:40123`. */
export type Words = Readonly<Record<string, string>>;

const filled = (text: string, words: Words): string =>
  Object.entries(words).reduce((kept, [word, meaning]) => kept.replaceAll(word, meaning), text);

const emptied = (text: string, words: Words): string =>
  Object.entries(words).reduce((kept, [word, meaning]) => kept.replaceAll(meaning, word), text);

function outcomeOf(step: Step, result: { code: number; stdout: string; stderr: string }): Outcome {
  const hide = step.hide ?? [];
  const lines = settled(result.stdout, hide);
  const stdout = step.unordered ? lines.split('\n').sort().join('\n') : lines;
  const stderr = settled(result.stderr, hide);
  return {
    docker: step.docker,
    code: result.code,
    stdout,
    stderr: step.lastErrorLine ? (stderr.trim().split('\n').at(-1) ?? '') : stderr,
  };
}

/**
 * Plays a scenario on an engine, with the image of `archive` in it, and returns what its commands printed, with `words`
 * put in before and taken out again.
 */
export async function play(scenario: Scenario, socket: string, archive: string, words: Words = {}): Promise<Outcome[]> {
  const env = { DOCKER_HOST: `unix://${socket}`, DOCKER_CLI_HINTS: 'false' };
  const outcomes: Outcome[] = [];
  await succeed('docker', ['load', '--quiet', '--input', archive], { env });
  try {
    for (const step of scenario.steps) {
      const input = step.input === undefined ? {} : { input: step.input };
      const args = step.docker.map(word => filled(word, words));
      const { code, stdout, stderr } = await command('docker', args, { env, timeoutMs: 120_000, ...input });
      const said = { code, stdout: emptied(stdout, words), stderr: emptied(stderr, words) };
      outcomes.push(outcomeOf(step, said));
    }
  } finally {
    const left = (await succeed('docker', ['ps', '-aq'], { env })).split('\n').filter(Boolean);
    if (left.length > 0) await succeed('docker', ['rm', '-f', '-v', ...left], { env });
    await command('docker', ['image', 'prune', '-f', '-a'], { env });
    await command('docker', ['volume', 'prune', '-f', '-a'], { env });
    await command('docker', ['network', 'prune', '-f'], { env });
  }
  return outcomes;
}
