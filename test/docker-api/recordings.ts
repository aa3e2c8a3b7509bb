import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Outcome } from './replay.ts';

const recordings = JSON.parse(readFileSync(join(import.meta.dirname, '../recordings/docker.json'), 'utf8')) as {
  scenarios: Record<string, Outcome[]>;
};

/** Of an engine that is to answer as dockerd did (daemon.json): dockerd's networks have IPv6 when they ask for it, ours unless told. */
export const asRecorded = { ipv6: false };

/** What commands printed, as one reads it. */
export const text = (outcomes: readonly Outcome[]): string =>
  outcomes
    .map(({ docker, code, stdout, stderr }) => `$ docker ${docker.join(' ')}\n[${code}]\n${stdout}${stderr}`)
    .join('\n');

/** What a real dockerd printed in a scenario (scripts/record-docker.ts). */
export const recordedOutcomes = (scenario: string): Outcome[] => recordings.scenarios[scenario] ?? [];

export const recorded = (scenario: string): string => text(recordedOutcomes(scenario));
