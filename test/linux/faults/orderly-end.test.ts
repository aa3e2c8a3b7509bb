import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { assertNoTrace, startFaultyEngine, whyNot } from './faulty-engine.ts';

const reason = whyNot();
if (reason) console.log(`skipped: ${reason}`);

/** A shell that lives until a signal, which it answers with `answer`. */
const until = (answer: string): string[] => [
  'busybox',
  'sh',
  '-c',
  `trap "${answer}" TERM; while :; do usleep 50000; done`,
];

describe.skipIf(reason)('an engine that ends in order', () => {
  it('gives its containers 15 seconds; then nothing is left but what it remembers', { timeout: 120_000 }, async () => {
    const engine = await startFaultyEngine();
    const run = (name: string, ...args: string[]): Promise<string> =>
      engine.docker('run', '-d', '--name', name, ...args);
    await run('polite', ...until('echo bye; exit 5'));
    await run('stubborn', '-p', '127.0.0.1::80', ...until(''));
    await run('gone', '--rm', ...until('exit 0'));
    await run('frozen', ...until('exit 6'));
    await run('always', '--restart', 'always', ...until('exit 0'));
    await run('stopped-always', '--restart', 'always', ...until('exit 0'));
    await run('unless-stopped', '--restart', 'unless-stopped', ...until('exit 0'));
    await run('stopped-unless', '--restart', 'unless-stopped', ...until('exit 0'));
    await engine.docker('create', '--name', 'never-started', '--restart', 'always', 'busybox', 'true');
    await engine.docker('stop', 'stopped-always', 'stopped-unless');
    await engine.docker('pause', 'frozen');
    const began = performance.now();
    await engine.end();
    expect((performance.now() - began) / 1000).toBeGreaterThan(14.5);
    await assertNoTrace(engine);

    await engine.restart();
    const states = async (): Promise<string[]> =>
      (await engine.docker('inspect', ...names, '-f', '{{.Name}} {{.State.Status}} {{.State.ExitCode}}'))
        .trim()
        .split('\n');
    const names = (await engine.docker('ps', '-a', '--format', '{{.Names}}')).trim().split('\n').sort();
    const expected = [
      '/always running 0',
      '/frozen exited 6',
      '/never-started created 0',
      '/polite exited 5',
      '/stopped-always running 0',
      '/stopped-unless exited 0',
      '/stubborn exited 137',
      '/unless-stopped running 0',
    ];
    await eventually('those that want to are up', async () => (await states()).join() === expected.join()).catch(
      () => 0,
    );
    expect(await states()).toEqual(expected);
    expect(await engine.docker('logs', 'polite')).toBe('bye\n');
    await engine.endWithoutTrace();
  });
});
