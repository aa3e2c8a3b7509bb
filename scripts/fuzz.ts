import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { targets } from '../test/fuzz/targets.ts';
import { command, succeed } from '../test/support/command.ts';
import { fetchPackages } from '../test/support/peer.ts';

/**
 * `npm run fuzz -- [archive] [reference] [manifest] [--seconds N]`: Jazzer.js (libFuzzer, guided by coverage) on the readers of
 * hostile input. What it finds is written to test/fuzz/cases, where `npm test` looks at it from then on.
 *
 * Jazzer.js is fetched when it is wanted: 31 MB that nobody else needs. Its addon wants a newer libc than Debian 12 has;
 * there Node runs on the one of Debian 13, unpacked beside.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '60' } },
});
const project = dirname(import.meta.dirname);
const work = join(process.env.BERTH_TEST_CACHE ?? join(homedir(), '.cache/berth-test'), 'fuzz');
const jazzer = join(work, 'node_modules/@jazzer.js/core/dist/cli.js');

async function fetchJazzer(): Promise<void> {
  if (existsSync(jazzer)) return;
  await mkdir(work, { recursive: true });
  await writeFile(join(work, 'package.json'), '{"private":true}');
  await succeed('npm', ['install', '--no-audit', '--no-fund', '@jazzer.js/core@4.0.0'], {
    cwd: work,
    timeoutMs: 300_000,
  });
}

/** The words that start Node where Jazzer's addon can be loaded. */
async function nodeForJazzer(): Promise<string[]> {
  const trial = await command(process.execPath, ['-e', `require('@jazzer.js/fuzzer')`], { cwd: work });
  if (trial.code === 0) return [process.execPath];
  const root = join(work, 'libc');
  if (!existsSync(root)) await fetchPackages('trixie', ['libc6', 'libgcc-s1', 'libstdc++6'], root);
  const libraries = join(root, `usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`);
  const loader = process.arch === 'arm64' ? 'ld-linux-aarch64.so.1' : 'ld-linux-x86-64.so.2';
  return [join(libraries, loader), '--library-path', libraries, process.execPath];
}

async function fuzz(target: string, node: string[]): Promise<boolean> {
  const program = join(work, `${target}.cjs`);
  await build({
    stdin: {
      contents: `import { targets } from './test/fuzz/targets.ts'; export const fuzz = targets.${target};`,
      resolveDir: project,
    },
    outfile: program,
    bundle: true,
    format: 'cjs',
    platform: 'node',
  });
  const cases = join(project, 'test/fuzz/cases', target);
  const corpus = join(work, 'corpus', target);
  await mkdir(corpus, { recursive: true });
  const limits = [`-max_total_time=${values.seconds}`, '-max_len=8192', `-artifact_prefix=${cases}/`];
  const [words = '', ...rest] = [...node, jazzer, program, '--sync', '-i', program, corpus, cases, '--', ...limits];
  const { code, stderr } = await command(words, rest, { cwd: work, timeoutMs: (Number(values.seconds) + 120) * 1000 });
  process.stdout.write(`${target}:\n${stderr.trim().split('\n').slice(-8).join('\n')}\n`);
  return code === 0;
}

await fetchJazzer();
const node = await nodeForJazzer();
const failed: string[] = [];
for (const target of positionals.length > 0 ? positionals : Object.keys(targets)) {
  if (!(await fuzz(target, node))) failed.push(target);
}
process.exit(failed.length > 0 ? 1 : 0);
