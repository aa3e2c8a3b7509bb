import type { Ask } from '../ask.ts';

export const ask = (line: string, body?: unknown, more: Omit<Ask, 'ask' | 'body'> = {}): Ask => ({
  ask: line,
  ...(body === undefined ? {} : { body }),
  ...more,
});

/** Requests without a body, one a line. */
export const asks = (lines: string): Ask[] =>
  lines
    .trim()
    .split('\n')
    .map(line => ask(line.trim()));

export const filters = (value: unknown): string => `filters=${encodeURIComponent(JSON.stringify(value))}`;

/** A container that would sleep. */
export const make = (name: string, more: Record<string, unknown> = {}): Ask =>
  ask(`POST /containers/create?name=${name}`, { Image: 'busybox', Cmd: ['sleep', '1000'], ...more });
