import { writeFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { Reporter, SerializedError, TestCase, TestModule, TestSuite } from 'vitest/node';

/** What a run of vitest came to. */
export interface Report {
  passed: number;
  skipped: number;
  failures: { where: string; words: string }[];
}

/** The environment variable that names the file for the {@link Report}, as JSON. */
export const reportVariable = 'BERTH_TEST_REPORT';

/** So much of a failure's words says what it is. */
const wordLines = 30;

/** Counts the tests for vitest, and keeps the words of those that failed with what was expected and what was received. */
export default class TestReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const tests = modules.flatMap(module => [...module.children.allTests()]);
    const count = (state: string): number => tests.filter(test => test.result().state === state).length;
    const files = modules.flatMap(module => [module, ...module.children.allSuites()]);
    const report: Report = {
      passed: count('passed'),
      skipped: count('skipped'),
      failures: [
        ...tests.flatMap(test => failures(test, test.result().errors ?? [])),
        ...files.flatMap(file => failures(file, file.errors())),
        ...unhandled.map(error => ({ where: 'outside of a test', words: inWords(error) })),
      ],
    };
    writeFileSync(process.env[reportVariable] ?? '/dev/stdout', JSON.stringify(report));
  }
}

function failures(task: TestCase | TestSuite | TestModule, errors: readonly SerializedError[]): Report['failures'] {
  if (errors.length === 0) return [];
  const module = task.type === 'module' ? task : task.module;
  const file = relative(dirname(import.meta.dirname), module.moduleId);
  const where = task.type === 'module' ? file : `${file}: ${task.fullName}`;
  return [{ where, words: errors.map(inWords).join('\n') }];
}

const inWords = ({ name, message, diff, stack }: SerializedError): string =>
  stripVTControlCharacters(diff ? `${name}:\n${diff}` : (stack ?? message))
    .split('\n')
    .filter(line => !/^ +at .*(node_modules|node:)/.test(line))
    .slice(0, wordLines)
    .map(line => `  ${line}`)
    .join('\n');
