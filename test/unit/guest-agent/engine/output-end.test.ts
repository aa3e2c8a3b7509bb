import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { outputEnd } from '../../../../guest-agent/engine/output-end.ts';
import type { ContainerOutput } from '../../../../guest-agent/logs/index.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Says `bytes` a second, for so many seconds, and then ends or stays open. */
function output({ bytes, seconds, ends }: { bytes: number; seconds: number; ends: boolean }) {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const made = { ended, taken: 0, cut: vi.fn(), close: vi.fn(), subscribe: () => () => undefined };
  const say = (): void => {
    made.taken += bytes;
  };
  for (let second = 1; second <= seconds; second++) setTimeout(say, second * 1000);
  if (ends) setTimeout(resolve, seconds * 1000);
  return made satisfies ContainerOutput;
}

async function endsAfter(made: ContainerOutput): Promise<number> {
  const began = Date.now();
  const ended = outputEnd(made).then(() => (Date.now() - began) / 1000);
  await vi.runAllTimersAsync();
  return ended;
}

it('is waited for while it comes', async () => {
  const slow = output({ bytes: 100, seconds: 7, ends: true });
  expect(await endsAfter(slow)).toBe(7);
  expect(slow.cut).not.toHaveBeenCalled();
});

it('is not waited for when nothing comes, or no end of it', async () => {
  const silent = output({ bytes: 0, seconds: 60, ends: true });
  expect(await endsAfter(silent)).toBe(2);
  const endless = output({ bytes: 100, seconds: 60, ends: false });
  expect(await endsAfter(endless)).toBe(10);
  for (const { cut } of [silent, endless]) expect(cut).toHaveBeenCalledOnce();
});
