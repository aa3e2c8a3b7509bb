/**
 * Room `machine`: the Linux machine that Berth's engine lives in. `Machine` is the actor: it holds the lock of its folder,
 * takes a machine that still runs over or boots one through a driver, phase by phase, opens the channel of room
 * `forwarding`, and ends all of it again. Drivers know one way to run a machine each; QEMU is the first.
 */
export type { MachineDriver, MachineExit, RunningMachine } from './driver.ts';
export { findAccelerator, type Verdict } from './drivers/qemu/probe.ts';
export { findQemuProgram, openQemu, parseQemuVersion, type Qemu, versionText } from './drivers/qemu/qemu.ts';
export { filesIn, openQemuDriver, readQemuRecord } from './drivers/qemu/qemu-driver.ts';
export { type Arch, ownArch, readImage } from './image.ts';
export { ensureKeys, newKeyPair } from './keys.ts';
export { acquireLock } from './lock.ts';
export { Machine, type MachineOptions } from './machine.ts';
export type { MachineState } from './machine-state.ts';
export type { Progress } from './phase-runner.ts';
export { goneWithin, identify, isAlive, type ProcessIdentity, signalProcess } from './process-identity.ts';
export { StartError } from './start-phases.ts';
