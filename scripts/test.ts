import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ensureTestPackages } from '../test/support/packages.ts';
import { type Report, reportVariable } from './test-reporter.ts';

const project = dirname(import.meta.dirname);
const reporter = join(import.meta.dirname, 'test-reporter.ts');

/** A part of the tests, with the time that it may take on two cores. */
interface Suite {
  name: string;
  folder: string;
  budgetSeconds: number;
}

const suites: Suite[] = [
  { name: 'unit', folder: 'test/unit', budgetSeconds: 120 },
  { name: 'linux', folder: 'test/linux', budgetSeconds: 600 },
  { name: 'docker', folder: 'test/docker-api', budgetSeconds: 600 },
  { name: 'renderer', folder: 'test/renderer', budgetSeconds: 120 },
  { name: 'machine', folder: 'test/machine', budgetSeconds: 900 },
];

interface Outcome extends Report {
  suite: Suite;
  seconds: number;
  ok: boolean;
}

async function runSuite(suite: Suite, long: boolean): Promise<Outcome> {
  const work = await mkdtemp(join(tmpdir(), 'berth-test-'));
  const output = join(work, 'report.json');
  const started = performance.now();
  const args = ['run', suite.folder, '--reporter=default', `--reporter=${reporter}`];
  const vitest = spawn(join(project, 'node_modules/.bin/vitest'), args, {
    cwd: project,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, BERTH_TEST_LONG: long ? '1' : '', [reportVariable]: output },
  });
  const code = await new Promise(resolve => vitest.once('close', resolve));
  const none: Report = {
    passed: 0,
    skipped: 0,
    failures: [{ where: suite.folder, words: 'vitest itself has failed' }],
  };
  const report = await readFile(output, 'utf8').then(
    text => JSON.parse(text) as Report,
    () => none,
  );
  await rm(work, { recursive: true, force: true });
  return { ...report, suite, ok: code === 0, seconds: (performance.now() - started) / 1000 };
}

/** Told at the end, where it is found when the rest has scrolled away. */
function tellFailures({ failures }: Outcome): void {
  for (const { where, words } of failures) process.stdout.write(`\nFAIL ${where}\n${words}\n`);
}

function tell({ suite, seconds, passed, failures, skipped, ok }: Outcome): void {
  const late = seconds > suite.budgetSeconds ? ' OVER BUDGET' : '';
  process.stdout.write(
    `${ok ? 'ok  ' : 'FAIL'} ${suite.name}: ${passed} passed, ${failures.length} failed, ${skipped} skipped, ` +
      `${seconds.toFixed(0)} of ${suite.budgetSeconds} s${late}\n`,
  );
}

const long = process.argv.includes('--long');
const wanted = process.argv.slice(2).filter(word => !word.startsWith('-'));
const chosen = suites.filter(suite => wanted.length === 0 || wanted.includes(suite.name));
await ensureTestPackages();
const outcomes: Outcome[] = [];
for (const suite of chosen) {
  outcomes.push(await runSuite(suite, long));
}
outcomes.forEach(tellFailures);
outcomes.forEach(tell);
const sum = (count: (outcome: Outcome) => number): number =>
  outcomes.reduce((total, outcome) => total + count(outcome), 0);
const broken = outcomes.filter(outcome => !outcome.ok).length;
const failed = Math.max(
  sum(({ failures }) => failures.length),
  broken,
);
process.stdout.write(
  `${sum(({ passed }) => passed)} passed, ${failed} failed, ${sum(({ skipped }) => skipped)} skipped\n`,
);
process.exit(failed > 0 ? 1 : 0);
