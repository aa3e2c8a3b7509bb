/** The engine: containers as actors, and Docker's documents over the rooms below. */
export type * from './engine.ts';
