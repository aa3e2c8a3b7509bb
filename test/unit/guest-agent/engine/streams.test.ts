import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../base/clock.ts';
import type { ContainerId, ContainerRef } from '../../../../contracts/brand.ts';
import { ContainerIndex } from '../../../../guest-agent/engine/containers-index.ts';
import { Events } from '../../../../guest-agent/engine/events.ts';
import type { InputSink } from '../../../../guest-agent/engine/input.ts';
import { Streams } from '../../../../guest-agent/engine/streams.ts';
import { Waiters } from '../../../../guest-agent/engine/waiters.ts';

const chunk = (text: string) => ({ stream: 'stdout' as const, data: Buffer.from(text), time: new Date(0) });
const sinkInto = (got: string[]): InputSink => ({
  write: async data => void got.push(data.toString()),
  end: () => void got.push('<end>'),
  close: () => undefined,
});
const attached = (streams: Streams, terminal = false) =>
  streams.attach({ stdin: true, stdout: true, stderr: true, terminal, endsInput: true, onDetach: () => undefined });

describe('streams of a process', () => {
  it('keep what is typed until it runs, and end with it', async () => {
    const streams = new Streams();
    const session = attached(streams);
    session.input?.end('early');
    const got: string[] = [];
    streams.opened(sinkInto(got));
    void streams.broadcast(chunk('hello'));
    streams.ended();
    const said: string[] = [];
    for await (const { data } of session.output) said.push(data.toString());
    expect(said).toEqual(['hello']);
    await new Promise(setImmediate);
    expect(got).toEqual(['early', '<end>']);
  });

  it('are left at the detach keys without ending anything', async () => {
    const streams = new Streams();
    const got: string[] = [];
    streams.opened(sinkInto(got));
    const session = attached(streams, true);
    session.input?.write('ls\x10\x11');
    for await (const _ of session.output);
    expect(got).toEqual(['ls']);
  });

  it('ask the process to wait for a slow client', async () => {
    const streams = new Streams();
    const session = attached(streams);
    const waits = Array.from({ length: 40 }, (_, number) => streams.broadcast(chunk(`${number}`)));
    expect(waits[0]).toBeUndefined();
    expect(waits.at(-1)).toBeInstanceOf(Promise);
    const reading = (async () => {
      for await (const _ of session.output);
    })();
    await waits.at(-1);
    streams.ended();
    await reading;
  });
});

describe('waiters', () => {
  it('are answered by their condition, and may leave', async () => {
    const waiters = new Waiters();
    const leaving = new AbortController();
    const next = waiters.wait('next-exit', new AbortController().signal);
    const gone = waiters.wait('removed', leaving.signal);
    waiters.settle(['next-exit', 'not-running'], { StatusCode: 7 });
    expect(await next).toEqual({ StatusCode: 7 });
    leaving.abort();
    await expect(gone).rejects.toMatchObject({ kind: 'cancelled' });
  });
});

describe('the index', () => {
  const index = new ContainerIndex<{ id: ContainerId; name: string }>();
  const add = (id: string, name: string): void => index.add({ id: id.repeat(64).slice(0, 64) as ContainerId, name });
  add('ab', 'web');
  add('ac', 'ab');
  const nameOf = (ref: string): string => index.getByRef(ref as ContainerRef).name;

  it('finds by name before prefix', () => {
    expect(nameOf('/web')).toBe('web');
    expect(nameOf('ab')).toBe('ab');
    expect(nameOf('aba')).toBe('web');
  });
  it('says what is missing, ambiguous or taken', () => {
    expect(() => nameOf('nope')).toThrow('No such container: nope');
    expect(() => nameOf('a')).toThrow('multiple IDs found with provided prefix: a');
    expect(() => index.reserve('web', 'x' as ContainerId)).toThrow(/The container name "\/web" is already in use/);
  });
});

describe('events', () => {
  it('are remembered and filtered', async () => {
    const events = new Events(systemClock);
    const say = (action: string, attributes: Record<string, string>): void =>
      events.emit({ type: 'container', action, id: 'abc', attributes });
    say('create', { name: 'web', image: 'nginx' });
    say('exec_create: ls', { name: 'web' });
    say('die', { name: 'db', exitCode: '1' });
    const actions = async (filters: Record<string, string[]>): Promise<string[]> => {
      const found: string[] = [];
      const options = { since: new Date(0), until: new Date(), filters, signal: new AbortController().signal };
      for await (const { Action } of events.subscribe(options)) found.push(Action);
      return found;
    };
    expect(await actions({})).toHaveLength(3);
    expect(await actions({ container: ['web'] })).toEqual(['create', 'exec_create: ls']);
    expect(await actions({ event: ['exec_create'] })).toEqual(['exec_create: ls']);
    expect(await actions({ type: ['image'] })).toEqual([]);
  });

  it('do not pile up for somebody who does not read them', async () => {
    const events = new Events(systemClock);
    const leaving = new AbortController();
    const stuck = events.subscribe({ filters: {}, signal: leaving.signal });
    for (let number = 0; number < 5000; number++) {
      events.emit({ type: 'container', action: 'start', id: String(number), attributes: {} });
    }
    leaving.abort();
    const got: string[] = [];
    for await (const { Actor } of stuck) got.push(Actor.ID);
    expect(got).toEqual(Array.from({ length: 1024 }, (_, number) => String(number)));
  });
});
