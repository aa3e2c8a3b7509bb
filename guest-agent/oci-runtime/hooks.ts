import { spawnSync } from 'node:child_process';
import type { HookName, RuntimeHooks } from '../../contracts/oci/runtime-spec.ts';
import { fail } from './failure.ts';
import type { StateDocument } from './status.ts';

/** Runs the hooks of the runtime's own namespaces, one after the other. @throws RuntimeFailure at the first that fails */
export function runHooks(hooks: RuntimeHooks | undefined, name: HookName, state: StateDocument): void {
  for (const index of (hooks?.[name] ?? []).keys()) runHook(hooks, { name, index }, state);
}

/** Those of a container that is gone: one that fails is told of, and the others run all the same. */
export function runLastHooks(
  hooks: RuntimeHooks | undefined,
  state: StateDocument,
  tell: (why: unknown) => void,
): void {
  for (const index of (hooks?.poststop ?? []).keys()) {
    try {
      runHook(hooks, { name: 'poststop', index }, state);
    } catch (error) {
      tell(error);
    }
  }
}

function runHook(
  hooks: RuntimeHooks | undefined,
  { name, index }: { name: HookName; index: number },
  state: StateDocument,
): void {
  const hook = hooks?.[name]?.[index];
  if (!hook) return;
  const [argv0 = hook.path, ...args] = hook.args ?? [];
  const done = spawnSync(hook.path, args, {
    argv0,
    env: Object.fromEntries((hook.env ?? []).map(variable => keyAndValue(variable))),
    input: JSON.stringify(state),
    stdio: ['pipe', 'ignore', 'pipe'],
    ...(hook.timeout ? { timeout: hook.timeout * 1000, killSignal: 'SIGKILL' } : {}),
  });
  if (done.status === 0) return;
  const ended = done.signal ? `signal: ${done.signal}` : `exit status ${done.status}`;
  // One that does not read its input ends with an error as well.
  const why = done.status === null && done.error ? done.error.message : ended;
  throw fail(`error running ${name} hook #${index}: ${why}, stderr: ${String(done.stderr ?? '').trim()}`);
}

function keyAndValue(variable: string): [string, string] {
  const cut = variable.indexOf('=');
  return cut === -1 ? [variable, ''] : [variable.slice(0, cut), variable.slice(cut + 1)];
}
