import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { brokenFloors } from './check-floors.ts';

const project = dirname(import.meta.dirname);

/** Runs a tool of node_modules/.bin; true when it is content. */
function tool(name: string, ...args: string[]): boolean {
  const done = spawnSync(join(project, 'node_modules/.bin', name), args, { cwd: project, stdio: 'inherit' });
  return done.status === 0;
}

const checks: Record<string, () => boolean> = {
  'format and lint': () => tool('biome', 'ci', '--error-on-warnings', '--colors=off', '--max-diagnostics=30', '.'),
  types: () => tool('tsc', '-p', '.'),
  'types of contracts': () => tool('tsc', '-p', 'contracts'),
  'types of the renderer': () => tool('tsc', '-p', 'renderer'),
  floors: () => {
    const broken = brokenFloors();
    for (const line of broken) process.stderr.write(`${line}\n`);
    return broken.length === 0;
  },
};

const failed = Object.entries(checks).filter(([name, check]) => {
  const started = performance.now();
  const content = check();
  process.stdout.write(
    `${content ? 'ok  ' : 'FAIL'} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)\n`,
  );
  return !content;
});
process.exit(failed.length > 0 ? 1 : 0);
