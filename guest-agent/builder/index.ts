/**
 * The builder: a Dockerfile and its files become an image, whichever door a client came through.
 *
 * `dockerfile/` reads: lines and here-documents, instructions, stages; all of it is pure. `Solver` asks for the target's
 * stage and with it for those that it needs, each once; a stage is a fold of its instructions over a `StageState`. Most
 * change only the state (`metadata.ts`); the others (`steps.ts`) make a layer each: RUN in a container of the engine's, by
 * the launch that all containers have, COPY, ADD and WORKDIR by unpacking a tar into a snapshot.
 *
 * What comes from outside is never a tree on the disk: a `FileTree` has the names in memory and the bytes in one file
 * that has no name, so a context's links and `..` mean nothing to the engine.
 *
 * A step's key is made of what its result depends on: the layers below, and the instruction with its variables, or with
 * the content, owners and modes of its files, never their times. What a step made is an image that no list shows
 * (`images`, `intermediate`) and a record that names it; a crash leaves either both or neither.
 *
 * Nothing of this is loaded before the first build: the room is imported when a request needs it.
 */

export { Builder } from './builder.ts';
export { BuildKitDoor } from './buildkit/door.ts';
export { buildClassic, type ClassicRequest } from './classic.ts';
export type { BuilderOptions } from './contract.ts';
export { pruneAll, readPruneFilters } from './prune.ts';
export { idOfKey, toBuildCacheRecord } from './usage.ts';
