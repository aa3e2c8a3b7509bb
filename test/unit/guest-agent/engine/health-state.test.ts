import { describe, expect, it } from 'vitest';
import {
  afterProbe,
  checkHealth,
  goDuration,
  healthPlanOf,
  probeDelay,
  startedHealth,
} from '../../../../guest-agent/engine/health-state.ts';

const second = 1e9;
const startedAt = '2026-01-01T00:00:00Z';
const config = { Test: ['CMD', 'look'], Interval: 2 * second, StartPeriod: 10 * second, Retries: 2 };
const plan = healthPlanOf({ Healthcheck: config });
const result = (ExitCode: number, atSecond: number) => {
  const Start = new Date(Date.parse(startedAt) + atSecond * 1000).toISOString();
  return { Start, End: Start, ExitCode, Output: '' };
};

describe('a health check', () => {
  it('is what image and request say, with defaults', () => {
    expect(plan).toEqual({
      command: ['look'],
      intervalMs: 2000,
      timeoutMs: 30_000,
      startPeriodMs: 10_000,
      startIntervalMs: 5000,
      retries: 2,
    });
    expect(healthPlanOf({ Healthcheck: { Test: ['CMD-SHELL', 'a b'] } })?.command).toEqual(['/bin/sh', '-c', 'a b']);
    expect(healthPlanOf({ Healthcheck: { Test: ['CMD-SHELL', 'x'] }, Shell: ['ash', '-ec'] })?.command).toEqual([
      'ash',
      '-ec',
      'x',
    ]);
    for (const Test of [['NONE'], [], ['WHAT', 'x']]) expect(healthPlanOf({ Healthcheck: { Test } })).toBeUndefined();
    expect(healthPlanOf({})).toBeUndefined();
  });

  it('keeps to times that a timer can take', () => {
    const odd = healthPlanOf({ Healthcheck: { ...config, Timeout: 1_500_001, Interval: Number.MAX_SAFE_INTEGER } });
    expect(odd).toMatchObject({ timeoutMs: 2, intervalMs: 2 ** 31 - 1 });
  });

  it('counts failures after the start period only, and keeps five results', () => {
    if (!plan) throw new Error('no plan');
    let health = startedHealth(undefined);
    const probe = (code: number, atSecond: number): string => {
      health = afterProbe(health, result(code, atSecond), { plan, startedAt });
      return `${health.Status} ${health.FailingStreak} ${health.Log?.length}`;
    };
    expect(probe(1, 5)).toBe('starting 0 1');
    expect(probe(1, 11)).toBe('starting 1 2');
    expect(probe(1, 13)).toBe('unhealthy 2 3');
    expect(probe(0, 15)).toBe('healthy 0 4');
    expect(probe(1, 17)).toBe('healthy 1 5');
    expect(probe(-1, 19)).toBe('unhealthy 2 5');
    expect(startedHealth(health)).toMatchObject({ Status: 'starting', FailingStreak: 0, Log: { length: 5 } });
  });

  it('comes more often while it starts', () => {
    if (!plan) throw new Error('no plan');
    expect(probeDelay(startedHealth(undefined), 100, plan)).toBe(5000);
    expect(probeDelay({ ...startedHealth(undefined), Status: 'healthy' }, 100, plan)).toBe(2000);
    expect(probeDelay(startedHealth(undefined), 10_000, plan)).toBe(2000);
  });

  it('refuses what Docker refuses', () => {
    expect(() => checkHealth({ Interval: 5 })).toThrow('Interval in Healthcheck cannot be less than 1ms');
    expect(() => checkHealth({ StartPeriod: -1 })).toThrow('StartPeriod in Healthcheck cannot be less than 1ms');
    expect(() => checkHealth({ Retries: -1 })).toThrow('Retries in Healthcheck cannot be negative');
    checkHealth({ Interval: 1e6 });
  });

  it.each([
    [500, '500ms'],
    [1000, '1s'],
    [1500, '1.5s'],
    [90_000, '1m30s'],
    [3_600_000, '1h0m0s'],
  ])('%i ms are %s', (ms, text) => expect(goDuration(ms)).toBe(text));
});
