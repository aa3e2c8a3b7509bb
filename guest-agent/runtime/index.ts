export { appArmorEnabled, ensureDefaultProfile } from './apparmor.ts';
export { defaultAppArmorProfile } from './apparmor-profile.ts';
export * from './contract.ts';
export { withFaultPoints } from './fault-points.ts';
export { initProgram } from './init-program.ts';
export { keeperProgram, openRuntime, type RuntimeOptions } from './runtime.ts';
export { compileSeccomp, isSeccompAction, warmSeccomp } from './seccomp.ts';
export type { DockerSeccompProfile } from './seccomp-profile.ts';
export { refusedSpec } from './spec-checks.ts';
