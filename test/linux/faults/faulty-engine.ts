import { homedir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { httpJson } from '../../../base/http-client.ts';
import { succeed } from '../../support/command.ts';
import { agentOf, type NativeEngine, startNativeEngine, tracesOf } from '../../support/engine.ts';
import { eventually } from '../../support/eventually.ts';
import { busyboxArchive } from '../../support/images.ts';

const compiled = join(homedir(), '.cache/berth-test/compiled');

/** Why these tests cannot run here, or undefined. */
export function whyNot(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  return undefined;
}

/** Thousands of faults instead of dozens. */
export const long = process.env.BERTH_TEST_LONG === '1';

/** A real engine that a test is not kind to. */
export interface FaultyEngine extends NativeEngine {
  /** One request of the Engine API. @throws EngineError with the engine's message */
  api<T = unknown>(method: string, path: string, body?: unknown): Promise<T>;
  /** Removes every container, ends the engine in order and throws if anything of it is left on this host. */
  endWithoutTrace(): Promise<void>;
}

/** An engine with `busybox:latest` in it. */
export async function startFaultyEngine(
  config: Record<string, unknown> = {},
  around: { root?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<FaultyEngine> {
  // It starts dozens of times: what Node has compiled once it need not compile again.
  const env = { NODE_COMPILE_CACHE: compiled, ...around.env };
  const engine = await startNativeEngine(config, { ...around, env });
  onTestFinished(({ task }) => endAfterTest(engine, task.result?.state === 'fail'));
  await engine.docker('load', '-q', '-i', await busyboxArchive());
  return Object.assign(engine, {
    api: <T>(method: string, path: string, body?: unknown): Promise<T> =>
      httpJson({ socketPath: engine.socket }, method, `/v1.48${path}`, {
        ...(body === undefined ? {} : { body }),
        timeoutMs: 60_000,
      }) as Promise<T>,
    endWithoutTrace: async () => {
      const ids = (await engine.docker('ps', '-aq')).split('\n').filter(Boolean);
      if (ids.length > 0) await engine.docker('rm', '-f', ...ids);
      await engine.stop();
      await assertNoTrace(engine);
    },
  });
}

/** A test that failed half-way shows what the engine said, and leaves nothing running. */
async function endAfterTest(engine: NativeEngine, failed: boolean): Promise<void> {
  const log = await engine.log().catch(() => undefined);
  if (log === undefined) return; // it has ended in order
  if (failed) console.log(log.split('\n').slice(-200).join('\n'));
  await engine.end();
  await engine.restart(); // it was killed, perhaps: its containers go with one that ends in order
  const ids = (await engine.docker('ps', '-q')).split('\n').filter(Boolean);
  if (ids.length > 0) await engine.docker('kill', ...ids);
  await engine.stop();
}

/** A kernel takes a moment to let go. */
export async function assertNoTrace(engine: NativeEngine): Promise<void> {
  await eventually('nothing is left', async () => {
    const left = await tracesOf(engine);
    if (left.length > 0) throw new Error(left.join('\n'));
    return true;
  });
}

/** The agent's process: the child of the command line that started it. */
export const agentPid = (engine: NativeEngine): Promise<number> => agentOf(engine.pid());

/** The parent of the containers: the oldest of the processes that call themselves so. */
export async function keeperPid(engine: NativeEngine): Promise<number> {
  return Number((await succeed('pgrep', ['-o', '-f', `^berth-keeper.*${engine.execRoot}$`])).trim());
}

/** A repeatable sequence of numbers in [0, 1). Mulberry32. */
export function randomSequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
