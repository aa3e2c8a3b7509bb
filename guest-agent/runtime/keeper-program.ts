/** What Node is told for the keeper in `file`: able to fork, small, and without a debugger to open. */
export function keeperArguments(file: string): string[] {
  const forkable = ['--single-threaded', '--v8-pool-size=0', '--disable-sigusr1'];
  // Code is compiled once, in the keeper, and not again in each child; what it does is too little for machine code.
  // Without a JIT there is no WebAssembly, and without that Node cannot read TypeScript.
  const interpreted = file.endsWith('.ts') ? ['--no-opt', '--no-maglev'] : ['--jitless'];
  return [...forkable, ...interpreted, '--no-lazy', '--no-flush-bytecode', '--max-semi-space-size=1', file];
}

/** The argument vector for the keeper in `file`. */
export const keeperProgram = (file: string, node: string = process.execPath): string[] => [
  node,
  ...keeperArguments(file),
];
