import { internal, invalidArgument } from '../../contracts/errors.ts';

/** The name under which Docker's clients know the one runtime that is always there; ours answers to it. */
export const defaultRuntimeName = 'runc';
/** What scripts call the one runtime that there is. */
export const runtimeNames: readonly string[] = ['io.containerd.runc.v2', defaultRuntimeName];

/** A name that containerd would look for a program by: `containerd-shim-foo-v2` for `io.containerd.foo.v2`. */
function shimProgram(name: string): string | undefined {
  const parts = name.split('.');
  return name.includes('/') || parts.length < 2 || parts[0] === ''
    ? undefined
    : `containerd-shim-${parts.slice(-2).join('-')}`;
}

/** At the creation. @throws invalid-argument in Docker's words */
export function checkRuntimeName(name: string): void {
  if (name === '' || runtimeNames.includes(name) || shimProgram(name) !== undefined) return;
  throw invalidArgument(`unknown or invalid runtime name: ${name}`);
}

/** At the start: programs of other runtimes are not there. @throws internal in Docker's words */
export function assertRuntimeIsHere(name: string): void {
  if (runtimeNames.includes(name)) return;
  const missing = `runtime "${name}" binary not installed "${shimProgram(name)}": file does not exist`;
  throw internal(
    `failed to create task for container: failed to start shim: failed to resolve runtime path: ${missing}`,
  );
}
