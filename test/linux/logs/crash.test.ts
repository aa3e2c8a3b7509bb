import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createLog } from '../../../base/log.ts';
import { type LogConfig, openLogs } from '../../../guest-agent/logs/index.ts';

const usable = process.platform === 'linux';
if (!usable) console.log('skipped: the pump needs Linux');
const LINES = 60_000;
const workerFile = join(import.meta.dirname, '../../../guest-agent/logs/pump-worker.ts');

const exitOf = (child: ChildProcess): Promise<string | number | null> =>
  new Promise(resolve => child.once('exit', (code, signal) => resolve(signal ?? code)));

/** Numbered lines into both streams, some without a newline at hand, some larger than an entry, in fits and starts. */
const writer = `
  const { writeSync } = require('node:fs');
  const nap = new Int32Array(new SharedArrayBuffer(4));
  for (let number = 0; number < ${LINES}; number++) {
    const filler = number % 1000 === 7 ? 'y'.repeat(40000) : 'x'.repeat(number % 90);
    const text = 'é' + number + ' ' + filler + '\\n';
    for (let done = 0, bytes = Buffer.from(text); done < bytes.length; )
      done += writeSync(number % 3 === 0 ? 2 : 1, bytes, done, Math.min(bytes.length - done, 5000));
    if (number % 300 === 0) Atomics.wait(nap, 0, 0, 10);
  }`;

it.skipIf(!usable).each(['', '200k'])(
  'logs every line once though the engine is killed again and again (max-size %j)',
  async maxSize => {
    const top = mkdtempSync(join(tmpdir(), 'crash-'));
    const directory = join(top, 'container');
    mkdirSync(directory);
    const logs = openLogs({ workerFile, log: createLog() });
    const { stdout, stderr } = logs.createFifos(top, { uid: 0, gid: 0 }, false);
    // The keeper: has the reading ends open and never reads.
    const kept = [stdout, stderr].map(path => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
    const ends = [stdout, stderr].map(path => openSync(path, 'w'));
    const container = spawn(process.execPath, ['-e', writer], { stdio: ['ignore', ...ends] });
    for (const fd of ends) closeSync(fd);

    const program = [join(import.meta.dirname, 'engine.ts'), workerFile, directory, stdout, stderr, maxSize];
    let kills = 0;
    for (let outcome: unknown = 'SIGKILL'; outcome === 'SIGKILL'; ) {
      const engine = spawn(process.execPath, program, { stdio: 'inherit' });
      const exited = exitOf(engine);
      await Promise.race([exited, sleep(120 + Math.random() * 150)]);
      if (kills < 12) engine.kill('SIGKILL');
      outcome = await exited;
      if (outcome === 'SIGKILL') kills++;
    }
    expect(kills).toBeGreaterThan(3);
    container.kill('SIGKILL');
    for (const fd of kept) closeSync(fd);

    const limits: Record<string, string> = maxSize ? { 'max-size': maxSize, 'max-file': '1000' } : {};
    const config: LogConfig = { type: 'json-file', options: limits };
    const texts = { stdout: '', stderr: '' };
    const options = { stdout: true, stderr: true, follow: false };
    for await (const { stream, data } of logs.read(directory, config, options, undefined, new AbortController().signal))
      texts[stream] += data;
    const numbers = (text: string): number[] =>
      text
        .split('\n')
        .filter(Boolean)
        .map(line => Number(/^é(\d+) [xy]*$/.exec(line)?.[1] ?? -1));
    const wanted = Array.from({ length: LINES }, (_, number) => number);
    expect(numbers(texts.stderr)).toEqual(wanted.filter(number => number % 3 === 0));
    expect(numbers(texts.stdout)).toEqual(wanted.filter(number => number % 3 !== 0));
    expect(readdirSync(top).sort()).toEqual(['container', 'stderr', 'stdout']);
    await logs.close();
    rmSync(top, { recursive: true });
  },
);
