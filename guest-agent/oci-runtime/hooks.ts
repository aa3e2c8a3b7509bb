import { spawnSync } from 'node:child_process';
import type { HookName, RuntimeHooks } from '../../contracts/oci/runtime-spec.ts';
import { fail } from './failure.ts';
import type { StateDocument } from './status.ts';

/** Runs the hooks of the runtime's own namespaces, one after the other. @throws RuntimeFailure at the first that fails */
export function runHooks(hooks: RuntimeHooks | undefined, name: HookName, state: StateDocument): void {
  for (const [index, hook] of (hooks?.[name] ?? []).entries()) {
    const [argv0 = hook.path, ...args] = hook.args ?? [];
    const done = spawnSync(hook.path, args, {
      argv0,
      env: Object.fromEntries((hook.env ?? []).map(variable => keyAndValue(variable))),
      input: JSON.stringify(state),
      stdio: ['pipe', 'ignore', 'pipe'],
      ...(hook.timeout ? { timeout: hook.timeout * 1000, killSignal: 'SIGKILL' } : {}),
    });
    if (done.status === 0) continue;
    const ended = done.signal ? `signal: ${done.signal}` : `exit status ${done.status}`;
    // One that does not read its input ends with an error as well.
    const why = done.status === null && done.error ? done.error.message : ended;
    throw fail(`error running ${name} hook #${index}: ${why}, stderr: ${String(done.stderr ?? '').trim()}`);
  }
}

function keyAndValue(variable: string): [string, string] {
  const cut = variable.indexOf('=');
  return cut === -1 ? [variable, ''] : [variable.slice(0, cut), variable.slice(cut + 1)];
}
