import { longestTimer } from '../../base/clock.ts';
import type { ContainerConfig, HealthConfig, HealthDocument } from '../../contracts/docker/containers.ts';
import { invalidArgument } from '../../contracts/errors.ts';

const nsPerMs = 1e6;
const defaults = { intervalMs: 30_000, timeoutMs: 30_000, startIntervalMs: 5000, retries: 3 };
const keptResults = 5;

/** A health check that is to be carried out. Durations in milliseconds. */
export interface HealthPlan {
  command: string[];
  intervalMs: number;
  timeoutMs: number;
  /** After the start, for so long, a failure does not count… */
  startPeriodMs: number;
  /** …and until the first success the probes come at this interval. */
  startIntervalMs: number;
  /** Failures in a row that make it unhealthy. */
  retries: number;
}

export type ProbeResult = NonNullable<HealthDocument['Log']>[number];

/** What the merged config asks for; undefined when there is nothing to probe (none, `NONE`, an unknown kind). */
export function healthPlanOf(config: ContainerConfig): HealthPlan | undefined {
  const { Healthcheck: asked } = config;
  const command = asked && commandOf(asked, config.Shell);
  if (!command) return undefined;
  return {
    command,
    intervalMs: milliseconds(asked.Interval) || defaults.intervalMs,
    timeoutMs: milliseconds(asked.Timeout) || defaults.timeoutMs,
    startPeriodMs: milliseconds(asked.StartPeriod),
    startIntervalMs: milliseconds(asked.StartInterval) || defaults.startIntervalMs,
    retries: asked.Retries || defaults.retries,
  };
}

/** Whole ones, as many as a timer holds. */
const milliseconds = (ns: number | undefined): number => Math.min(Math.ceil((ns ?? 0) / nsPerMs), longestTimer);

function commandOf({ Test = [] }: HealthConfig, shell: string[] | undefined): string[] | undefined {
  const [kind, ...words] = Test;
  if (kind === 'CMD') return words;
  return kind === 'CMD-SHELL' ? [...(shell?.length ? shell : ['/bin/sh', '-c']), ...words] : undefined;
}

/** @throws invalid-argument in Docker's words */
export function checkHealth(asked: HealthConfig | undefined): void {
  if (!asked) return;
  for (const key of ['Interval', 'Timeout', 'StartPeriod', 'StartInterval'] as const) {
    const value = asked[key];
    if (value && value < nsPerMs) throw invalidArgument(`${key} in Healthcheck cannot be less than 1ms`);
  }
  if ((asked.Retries ?? 0) < 0) throw invalidArgument('Retries in Healthcheck cannot be negative');
}

/** At each start; what earlier runs showed stays to be read. */
export const startedHealth = (before: HealthDocument | undefined): HealthDocument => ({
  Status: 'starting',
  FailingStreak: 0,
  Log: before?.Log ?? [],
});

/** While nobody looks, nothing is known to be well. */
export const unwatched = (health: HealthDocument): HealthDocument => ({ ...health, Status: 'unhealthy' });

/** What a probe's result makes of it (moby's handleProbeResult). */
export function afterProbe(
  health: HealthDocument,
  result: ProbeResult,
  { plan, startedAt }: { plan: HealthPlan; startedAt: string },
): HealthDocument {
  const Log = [...(health.Log ?? []), result].slice(-keptResults);
  if (result.ExitCode === 0) return { Status: 'healthy', FailingStreak: 0, Log };
  const age = Date.parse(result.Start) - Date.parse(startedAt);
  if (health.Status === 'starting' && age < plan.startPeriodMs) return { ...health, Log };
  const FailingStreak = health.FailingStreak + 1;
  return { Status: FailingStreak >= plan.retries ? 'unhealthy' : health.Status, FailingStreak, Log };
}

/** Milliseconds until the next probe. */
export function probeDelay(health: HealthDocument, ranMs: number, plan: HealthPlan): number {
  return ranMs < plan.startPeriodMs && health.Status === 'starting' ? plan.startIntervalMs : plan.intervalMs;
}

/** `1m30s`, `500ms`: as Go prints a duration. */
export function goDuration(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const [hours, minutes, seconds] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, (ms % 60_000) / 1000];
  return `${hours > 0 ? `${hours}h` : ''}${ms >= 60_000 ? `${minutes}m` : ''}${seconds}s`;
}
