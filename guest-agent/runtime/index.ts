export * from './contract.ts';
export { withFaultPoints } from './fault-points.ts';
export { keeperProgram, openRuntime, type RuntimeOptions } from './runtime.ts';
export { compileSeccomp, warmSeccomp } from './seccomp.ts';
