/**
 * The engine: containers as actors, and Docker's documents over the rooms below.
 *
 * A container is created (checked, its layer prepared, its record durable), started (network, cgroup, launch), and
 * ends: the exit is written down before anybody who waits hears of it, what the run held is given back after that, and
 * the restart policy or the automatic removal follows. Each container is one mailbox with one immutable record; lists
 * and inspections read the record as it is and never queue.
 *
 * All that a run holds can be released by the container's id alone, any number of times: a failed start, an exit, a
 * removal and the engine's own start after a crash share that one function. An engine that dies leaves its containers
 * with the keeper; the next one takes them over with their output, exit codes and networks.
 */
export type * from './engine.ts';
export { ExecSpent } from './exec-spent.ts';
export { openEngine } from './open-engine.ts';
export { ownerInRoot } from './owner.ts';
export type { EngineOptions, Rooms } from './rooms.ts';
