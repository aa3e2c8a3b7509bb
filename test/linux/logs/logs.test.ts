import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '../../../base/log.ts';
import {
  type ContainerOutput,
  type LogConfig,
  type Logs,
  type OutputChunk,
  openLogs,
} from '../../../guest-agent/logs/index.ts';
import { openTerminalPeer } from '../../../guest-agent/syscalls/terminal.ts';
import { eventually, settled } from '../../support/eventually.ts';

const usable = process.platform === 'linux';
if (!usable) console.log('skipped: the pump needs Linux');

const jsonFile: LogConfig = { type: 'json-file', options: {} };
const all = { stdout: true, stderr: true, follow: false };
const never = new AbortController().signal;

describe.skipIf(!usable)('logs', () => {
  const workerFile = join(import.meta.dirname, '../../../guest-agent/logs/pump-worker.ts');
  const logs: Logs | undefined = usable ? openLogs({ workerFile, log: createLog() }) : undefined;
  if (!logs) return;
  const top = mkdtempSync(join(tmpdir(), 'logs-'));
  let count = 0;
  let directory = '';
  let fifos: { stdout: string; stderr: string };
  let writers: Record<'stdout' | 'stderr', number>;
  const readers: number[] = [];

  beforeEach(() => {
    directory = join(top, `container${count++}`);
    mkdirSync(directory);
    mkdirSync(`${directory}-exec`);
    fifos = logs.createFifos(`${directory}-exec`, { uid: 1000, gid: 1000 }, false);
    writers = openWriters();
  });
  afterEach(() => {
    finish();
    for (const fd of readers.splice(0)) closeSync(fd);
  });
  afterAll(async () => {
    await logs.close();
    rmSync(top, { recursive: true });
  });

  /** As a container's process has them, while somebody (the keeper) has the reading ends and never reads. */
  function openWriters(): Record<'stdout' | 'stderr', number> {
    const open = (path: string): number => {
      readers.push(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
      return openSync(path, 'w');
    };
    return { stdout: open(fifos.stdout), stderr: open(fifos.stderr) };
  }
  function finish(): void {
    for (const fd of Object.values(writers)) closeSync(fd);
    writers = {} as typeof writers;
  }
  const open = (config = jsonFile): ContainerOutput => logs.open({ id: 'abc', directory, source: fifos, config });
  const say = (text: string, stream: 'stdout' | 'stderr' = 'stdout'): void => {
    writeSync(writers[stream], text);
  };
  const lines = (): { log: string; stream: string }[] =>
    readFileSync(join(directory, `${directory.split('/').at(-1)}-json.log`), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line));
  async function read(options: Partial<Parameters<Logs['read']>[2]> = {}, config = jsonFile): Promise<string> {
    let text = '';
    for await (const { data } of logs?.read(directory, config, { ...all, ...options }, undefined, never) ?? [])
      text += data;
    return text;
  }

  it('logs lines of both streams, tells them live, and cleans up behind itself', async () => {
    const output = open();
    const heard: OutputChunk[] = [];
    output.subscribe(chunk => void heard.push(chunk));
    say('one\ntwo & <three>\nhalf');
    say('err\n', 'stderr');
    await eventually('it is heard', () => heard.length === 2);
    expect(heard.map(({ stream, data }) => `${stream}:${data}`).sort()).toEqual([
      'stderr:err\n',
      'stdout:one\ntwo & <three>\nhalf',
    ]);
    finish();
    await output.ended;
    const logged = lines();
    expect(logged.filter(({ stream }) => stream === 'stdout').map(({ log }) => log)).toEqual([
      'one\n',
      'two & <three>\n',
      'half',
    ]);
    expect(logged.find(({ stream }) => stream === 'stderr')?.log).toBe('err\n');
    const text = readFileSync(join(directory, readdirSync(directory)[0] ?? ''), 'utf8');
    expect(text).toMatch(
      /^\{"log":"[^\n]*\\n","stream":"std(out|err)","time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z"\}\n/,
    );
    expect(text).toContain('two \\u0026 \\u003cthree\\u003e\\n');
    expect(readdirSync(directory)).toEqual([`${directory.split('/').at(-1)}-json.log`]);
    expect(readdirSync(`${directory}-exec`).sort()).toEqual(['stderr', 'stdout']);
  });

  it('goes on when the log cannot be written', async () => {
    rmSync(directory, { recursive: true });
    const output = open();
    let heard = '';
    output.subscribe(({ data }) => {
      heard += data;
    });
    say('one\n');
    await eventually('it is heard', () => heard === 'one\n');
    say('two\n');
    finish();
    await output.ended;
    expect(heard).toBe('one\ntwo\n');
    expect(existsSync(directory)).toBe(false);
  });

  it('makes no file for a container that says nothing, also when it is gone before it is opened', async () => {
    finish();
    const output = open();
    await output.ended;
    expect(readdirSync(directory)).toEqual([]);
    expect(readdirSync(`${directory}-exec`).sort()).toEqual(['stderr', 'stdout']);
    expect(await read()).toBe('');
  });

  it('takes what is there as the end when it is cut', async () => {
    const output = open();
    say('said\nunfinished');
    output.cut();
    output.close();
    await output.ended;
    expect(await read()).toBe('said\nunfinished');
  });

  it('goes on where an earlier one stopped', async () => {
    const first = open();
    let heard = '';
    first.subscribe(({ data }) => {
      heard += data;
    });
    say('one\ntw');
    await eventually('it is heard', () => heard === 'one\ntw');
    first.close();
    say('o\nthree\n');
    const second = open();
    finish();
    await second.ended;
    expect(await read()).toBe('one\ntwo\nthree\n');
  });

  it('lets the container wait instead of filling memory or disk, and loses nothing', async () => {
    const output = open();
    let release: () => void = () => {};
    const held = new Promise<void>(resolve => {
      release = resolve;
    });
    let heard = 0;
    output.subscribe(({ data }) => {
      heard += data.length;
      return held;
    });
    const first = writers.stdout;
    writers.stdout = openSync(fifos.stdout, constants.O_WRONLY | constants.O_NONBLOCK);
    closeSync(first);
    const line = Buffer.from(`${'x'.repeat(1023)}\n`);
    let written = 0;
    const fill = (): number => {
      try {
        while (written < 8 << 20) written += writeSync(writers.stdout, line);
      } catch {
        // the pipe is full
      }
      return written;
    };
    await eventually('four MiB are taken', () => fill() > 4 << 20);
    expect(await settled('no more is taken', fill)).toBeLessThan(8 << 20);
    release();
    finish();
    await output.ended;
    expect(heard).toBe(written);
    expect((await read()).length).toBe(written);
  });

  it('rotates, and reads across files', async () => {
    const config: LogConfig = { type: 'json-file', options: { 'max-size': '2k', 'max-file': '3' } };
    const output = open(config);
    for (let number = 0; number < 100; number++) say(`line ${number}\n`);
    finish();
    await output.ended;
    expect(readdirSync(directory)).toHaveLength(3);
    const text = await read({}, config);
    expect(text).toMatch(/line 98\nline 99\n$/);
    expect(text.split('\n').length).toBeGreaterThan(40);
    expect(await read({ tail: 40 }, config)).toBe(
      Array.from({ length: 40 }, (_, index) => `line ${index + 60}\n`).join(''),
    );
  });

  it('reads the tail, a stream, a span of time', async () => {
    const output = open();
    say('one\ntwo\n');
    await eventually('two lines are logged', () => lines().length === 2);
    const middle = new Date(Date.now() + 1);
    await eventually('it is later', () => Date.now() > middle.getTime());
    say('three\n');
    await eventually('three lines are logged', () => lines().length === 3);
    say('four\n', 'stderr');
    finish();
    await output.ended;
    expect(await read({ tail: 2 })).toBe('three\nfour\n');
    expect(await read({ tail: 0 })).toBe('');
    expect(await read({ stderr: false, tail: 2 })).toBe('three\n');
    expect(await read({ since: middle })).toBe('three\nfour\n');
    expect(await read({ until: middle })).toBe('one\ntwo\n');
  });

  it('follows through rotations until the end', async () => {
    const config: LogConfig = { type: 'json-file', options: { 'max-size': '4k', 'max-file': '2' } };
    const output = open(config);
    say('first\n');
    let text = '';
    const following = (async () => {
      for await (const { data } of logs.read(directory, config, { ...all, follow: true }, output, never)) text += data;
    })();
    for (let number = 0; number < 200; number++) {
      say(`line ${number}\n`);
      // of three files' worth at once the oldest would be gone
      if (number % 40 === 0) await eventually('the follower has it', () => text.endsWith(`line ${number}\n`));
    }
    finish();
    await following;
    expect(text).toBe(`first\n${Array.from({ length: 200 }, (_, number) => `line ${number}\n`).join('')}`);
  });

  it('stops following when the client has gone', async () => {
    const output = open();
    say('first\n');
    const client = new AbortController();
    const heard: string[] = [];
    const following = (async () => {
      for await (const { data } of logs.read(directory, jsonFile, { ...all, follow: true }, output, client.signal))
        heard.push(String(data));
    })();
    await eventually('it is heard', () => heard.length > 0);
    client.abort();
    await following;
    expect(heard).toEqual(['first\n']);
    output.close();
  });

  it('reads a terminal until nobody has its other side', async () => {
    const master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
    const peer = openTerminalPeer(master);
    const output = logs.open({ id: 'abc', directory, source: { terminalFd: master }, config: jsonFile });
    let heard = '';
    output.subscribe(({ stream, data }) => {
      heard += `${stream}:${data}`;
    });
    writeSync(peer, 'prompt$ ');
    await eventually('it is heard', () => heard === 'stdout:prompt$ ');
    writeSync(peer, 'exit\n');
    closeSync(peer);
    await output.ended;
    expect(await read()).toBe('prompt$ exit\r\n');
  });

  it('cuts a terminal that a grandchild holds', async () => {
    const master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
    const peer = openTerminalPeer(master);
    const output = logs.openStream({ terminalFd: master });
    let heard = '';
    output.subscribe(({ data }) => {
      heard += data;
    });
    writeSync(peer, 'still here');
    await eventually('it is heard', () => heard === 'still here');
    output.cut();
    await output.ended;
    expect(heard).toBe('still here');
    closeSync(peer);
  });

  it('streams without a log', async () => {
    const output = logs.openStream(fifos);
    let text = '';
    output.subscribe(async ({ data }) => {
      await turn();
      text += data;
    });
    for (let number = 0; number < 50; number++) say(`${number}\n`);
    finish();
    await output.ended;
    expect(text.split('\n')).toHaveLength(51);
    expect(existsSync(`${directory}-exec/stdout.spool`)).toBe(false);
  });

  it('goes on when the pump thread fails', async () => {
    const flag = join(top, 'failed-once');
    const failing = join(top, 'failing.mjs');
    writeFileSync(
      failing,
      `import { existsSync, writeFileSync } from 'node:fs';
       if (!existsSync(${JSON.stringify(flag)})) { writeFileSync(${JSON.stringify(flag)}, ''); throw new Error('once'); }
       await import(${JSON.stringify(workerFile)});`,
    );
    const told: string[] = [];
    const others = openLogs({ workerFile: failing, log: createLog({ write: line => void told.push(line) }) });
    const output = others.open({ id: 'abc', directory, source: fifos, config: jsonFile });
    say('said\n');
    finish();
    await output.ended;
    expect(await read()).toBe('said\n');
    expect(told.join('')).toContain('started again');
    await others.close();
  });

  it('keeps nothing with the driver none', async () => {
    const config: LogConfig = { type: 'none', options: {} };
    const output = open(config);
    say('gone\n');
    finish();
    await output.ended;
    expect(readdirSync(directory)).toEqual([]);
    expect(() => logs.read(directory, config, all, undefined, never)).toThrow('does not support reading');
  });
});
