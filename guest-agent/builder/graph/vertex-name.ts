import type { Edge, FileAction, Operation } from './operations.ts';

/** What BuildKit's progress calls an operation that has no name of its own. */
export function nameOf({ inputs, ...operation }: Operation, nameOfInput: (input: Edge) => string): string {
  const named = (place: number | undefined): string => {
    const input = inputs[place ?? -1];
    return input ? nameOfInput(input) : 'scratch';
  };
  if (operation.source) return operation.source.identifier;
  if (operation.exec) return (operation.exec.meta?.args ?? []).join(' ');
  if (operation.file) return operation.file.actions.map(nameOfAction).join(', ');
  if (operation.merge) return `merge ${list(operation.merge.inputs.map(({ input }) => named(input)))}`;
  if (operation.diff) return `diff (${named(operation.diff.lower?.input)}) -> (${named(operation.diff.upper?.input)})`;
  return operation.build ? 'build' : 'unknown';
}

const list = (names: readonly string[]): string => `(${names.join(', ')})`;

function nameOfAction({ copy, mkfile, mkdir, rm, symlink }: FileAction): string {
  if (copy) return `copy ${copy.src} ${copy.dest}`;
  if (mkfile) return `mkfile ${mkfile.path}`;
  if (mkdir) return `mkdir ${mkdir.path}`;
  if (rm) return `rm ${rm.path}`;
  return symlink ? `symlink ${symlink.newpath} -> ${symlink.oldpath}` : 'unknown';
}
