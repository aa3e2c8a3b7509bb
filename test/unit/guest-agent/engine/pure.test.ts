import { describe, expect, it } from 'vitest';
import { chosenCapabilities } from '../../../../guest-agent/engine/capabilities.ts';
import * as state from '../../../../guest-agent/engine/container-state.ts';
import { DetachScanner, parseDetachKeys } from '../../../../guest-agent/engine/detach-keys.ts';
import { keepsLabels, parseMoment, textFilter } from '../../../../guest-agent/engine/filters.ts';
import { exitCodeOf, launchFailure } from '../../../../guest-agent/engine/launch-error.ts';
import { checkName, inventName } from '../../../../guest-agent/engine/names.ts';
import { nextRestart, startsWithEngine } from '../../../../guest-agent/engine/restart-policy.ts';
import { parseSendable, parseSignal } from '../../../../guest-agent/engine/signals.ts';
import { humanDuration, statusText } from '../../../../guest-agent/engine/summary.ts';
import { resolveUser } from '../../../../guest-agent/engine/user.ts';
import { LaunchError } from '../../../../guest-agent/runtime/contract.ts';

describe('signals', () => {
  it.each([
    ['KILL', 9],
    ['sigterm', 15],
    ['9', 9],
    ['RTMIN+3', 37],
    ['SIGRTMAX-1', 63],
  ])('%s is %i', (text, number) => expect(parseSignal(text)).toBe(number));

  it.each(['NOPE', '0', 'RTMIN+40'])('refuses %s', text =>
    expect(() => parseSignal(text)).toThrow(`invalid signal: ${text}`),
  );

  it('takes every other number, but sends only what there is', () => {
    expect(parseSignal('65')).toBe(65);
    expect(parseSendable('64')).toBe(64);
    for (const text of ['65', '-1'])
      expect(() => parseSendable(text)).toThrow(`the linux daemon does not support signal ${text}`);
  });
});

describe('names', () => {
  it.each(['a', '-x', 'x y', '/'])('refuses %s', name =>
    expect(() => checkName(name)).toThrow(
      `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    ),
  );
  it('drops the slash', () => expect(checkName('/web-1')).toBe('web-1'));
  it('invents until one is free', () => {
    let asked = 0;
    const name = inventName(() => ++asked < 10);
    expect(checkName(name)).toBe(name);
    expect(asked).toBe(10);
  });
});

describe('states', () => {
  const running = state.started(7, '2026-01-01T00:00:00.000Z');
  it('go round', () => {
    const paused = state.paused(running, 'x');
    expect(() => state.paused(paused, 'x')).toThrow('Container x is already paused');
    expect(state.unpaused(paused, 'x')).toEqual(running);
    const exited = state.ended(running, { exitCode: 3, finishedAt: 'later', oomKilled: false }, 'exited');
    expect(exited).toMatchObject({ status: 'exited', exitCode: 3, startedAt: '2026-01-01T00:00:00.000Z' });
    expect(() => state.assertStartable(exited)).not.toThrow();
    expect(() => state.assertStartable(running)).toThrow();
  });
  it('a failed start leaves what was, with its reason', () => {
    const failed = state.startFailed({ status: 'created' }, { exitCode: 127, error: 'no' });
    expect(failed).toEqual({ status: 'created', failure: { exitCode: 127, error: 'no' } });
    expect(state.lastExitCode(failed)).toBe(127);
  });
});

describe('restart policy', () => {
  const asked = {
    policy: { Name: 'on-failure', MaximumRetryCount: 2 },
    exitCode: 1,
    ranMs: 5,
    restartCount: 0,
    manuallyStopped: false,
    previousDelayMs: 0,
  };
  it('doubles its patience up to a minute', () => {
    expect(nextRestart(asked)).toBe(100);
    expect(nextRestart({ ...asked, previousDelayMs: 100 })).toBe(200);
    expect(nextRestart({ ...asked, previousDelayMs: 50_000 })).toBe(60_000);
    expect(nextRestart({ ...asked, previousDelayMs: 50_000, ranMs: 10_000 })).toBe(100);
  });
  it('ends', () => {
    expect(nextRestart({ ...asked, restartCount: 2 })).toBeUndefined();
    expect(nextRestart({ ...asked, exitCode: 0 })).toBeUndefined();
    expect(
      nextRestart({ ...asked, policy: { Name: 'always', MaximumRetryCount: 0 }, manuallyStopped: true }),
    ).toBeUndefined();
  });
  it('rises with the engine unless the user stopped it', () => {
    const left = { exitCode: 0, manuallyStopped: true, everStarted: true, restartCount: 0 };
    expect(startsWithEngine({ Name: 'always', MaximumRetryCount: 0 }, left)).toBe(true);
    expect(startsWithEngine({ Name: 'unless-stopped', MaximumRetryCount: 0 }, left)).toBe(false);
    expect(startsWithEngine({ Name: 'always', MaximumRetryCount: 0 }, { ...left, everStarted: false })).toBe(false);
  });
});

describe('detach keys', () => {
  const scan = (text: string, ...chunks: string[]): string[] => {
    const scanner = new DetachScanner(parseDetachKeys(text));
    return chunks.map(chunk => {
      const { pass, detached } = scanner.scan(Buffer.from(chunk, 'latin1'));
      return pass.toString('latin1') + (detached ? '!' : '');
    });
  };
  it('are found across chunks', () => expect(scan('ctrl-p,ctrl-q', 'ls\x10', '\x11')).toEqual(['ls', '!']));
  it('give back what was held', () => expect(scan('ctrl-p,ctrl-q', '\x10', 'x')).toEqual(['', '\x10x']));
  it('may begin again at once', () => expect(scan('ctrl-p,ctrl-q', '\x10\x10\x11')).toEqual(['\x10!']));
  it('refuse nonsense', () => expect(() => parseDetachKeys('ctrl-!')).toThrow("Unknown character: 'ctrl-!'"));
});

describe('users', () => {
  const passwd = 'root:x:0:0:root:/root:/bin/sh\nwww:x:33:34:web:/srv:/bin/false\n';
  const group = 'root:x:0:\nwheel:x:10:root,www\nwebs:x:34:\ngames:x:60:www\n';
  it.each([
    ['', { uid: 0, gid: 0, additionalGids: [10], home: '/root' }],
    ['www', { uid: 33, gid: 34, additionalGids: [10, 60], home: '/srv' }],
    ['33', { uid: 33, gid: 34, additionalGids: [10, 60], home: '/srv' }],
    ['www:games', { uid: 33, gid: 60, additionalGids: [], home: '/srv' }],
    ['1000:1000', { uid: 1000, gid: 1000, additionalGids: [], home: '/' }],
  ])('%j', (spec, user) => expect(resolveUser(spec, passwd, group)).toEqual(user));

  it('says who is missing', () => {
    expect(() => resolveUser('nobody', passwd, group)).toThrow(
      'unable to find user nobody: no matching entries in passwd file',
    );
    expect(() => resolveUser('0:none', passwd, group)).toThrow(
      'unable to find group none: no matching entries in group file',
    );
  });
});

describe('capabilities', () => {
  const chosen = (add: string[], drop: string[]): string[] => chosenCapabilities({ add, drop, privileged: false });
  it('start from the fourteen', () => expect(chosen([], [])).toHaveLength(14));
  it('ALL but one', () => {
    expect(chosen(['ALL'], ['sys_admin'])).not.toContain('CAP_SYS_ADMIN');
    expect(chosen(['ALL'], [])).toHaveLength(41);
  });
  it('none but one', () => expect(chosen(['net_admin'], ['all'])).toEqual(['CAP_NET_ADMIN']));
  it('refuse what is none', () => expect(() => chosen(['FLY'], [])).toThrow('CAP_FLY'));
});

describe('filters', () => {
  it('read moments', () => {
    expect(parseMoment('10m', new Date(600_000)).getTime()).toBe(0);
    expect(parseMoment('1.5', new Date()).getTime()).toBe(1500);
  });
  it.each([
    [
      ['le', 'use'],
      ['idle', 'used', 'abuse'],
    ],
    [['^use'], ['used']],
    [['(?i)IDLE'], ['idle']],
    [
      ['^[[:alpha:]]{4}\\z', 'u.e'],
      ['idle', 'used', 'abuse'],
    ],
    [['['], []],
    [[], ['idle', 'used', 'abuse']],
  ])('find names by %s as Go does', async (name, found) => {
    const fits = await textFilter({ name }, 'name');
    expect(['idle', 'used', 'abuse'].filter(fits)).toEqual(found);
  });
  it('do not search for ever', async () => {
    const fits = await textFilter({ name: ['(a+)+$', '(a|a)*b', '^(a?){500}a{500}$'] }, 'name');
    expect(fits(`${'a'.repeat(5000)}!`)).toBe(false);
  });
  it('keep and spare by label', () => {
    expect(keepsLabels({ label: ['a=1'] }, { a: '1' })).toBe(true);
    expect(keepsLabels({ 'label!': ['a'] }, { a: '1' })).toBe(false);
  });
});

describe('failed launches', () => {
  const words = (step: string, code: string, subject: string, command: string): string =>
    launchFailure(new LaunchError(step, code, subject), { command }).message;
  it('use the words that the docker command reads its exit code from', () => {
    expect(words('execve', 'ENOENT', 'nope', 'nope')).toBe(
      'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: ' +
        'unable to start container process: ' +
        'exec: "nope": executable file not found in $PATH',
    );
    expect(exitCodeOf(words('execve', 'ENOENT', '/no', '/no'))).toBe(127);
    expect(exitCodeOf(words('execve', 'EACCES', '/etc', '/etc'))).toBe(126);
    expect(exitCodeOf(words('mount', 'EINVAL', '/x', 'sh'))).toBe(128);
  });
});

describe('status', () => {
  it.each([
    [0, 'Less than a second'],
    [1000, '1 second'],
    [59_000, '59 seconds'],
    [60_000, 'About a minute'],
    [3_600_000, 'About an hour'],
    [7_200_000, '2 hours'],
    [86_400_000 * 3, '3 days'],
    [86_400_000 * 20, '2 weeks'],
    [86_400_000 * 90, '3 months'],
  ])('%i ms is %s', (ms, text) => expect(humanDuration(ms)).toBe(text));

  it('reads as in docker ps', () => {
    const now = new Date('2026-01-01T00:05:00Z');
    const running = state.started(1, '2026-01-01T00:00:00Z');
    expect(statusText(running, 'running', now)).toBe('Up 5 minutes');
    expect(statusText(state.paused(running, 'x'), 'paused', now)).toBe('Up 5 minutes (Paused)');
    const ending = { exitCode: 137, finishedAt: '2026-01-01T00:04:58Z', oomKilled: true };
    expect(statusText(state.ended(running, ending, 'exited'), 'exited', now)).toBe('Exited (137) 2 seconds ago');
  });
});
