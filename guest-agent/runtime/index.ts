export * from './contract.ts';
export { keeperProgram, openRuntime, type RuntimeOptions } from './runtime.ts';
export { compileSeccomp, warmSeccomp } from './seccomp.ts';
