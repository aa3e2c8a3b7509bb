/**
 * What containers say, from their pipes to their logs and to whoever listens.
 *
 * A process writes into a FIFO, which the keeper holds open as well, so no engine's end breaks it. One thread, the pump,
 * splices the FIFOs of all containers into spools: files beside them whose length is the truth about what has left
 * the pipes. The main thread reads the spools, cuts them into lines, appends these to the log in Docker's json-file
 * format and tells live listeners. A spool's blocks are given back as it is worked off, and it goes at the end;
 * 4 MiB behind, the pump stops reading and the container has to wait.
 *
 * Not a byte is lost or doubled when the engine is killed at any moment: the log itself tells how far it goes. A
 * checkpoint says where log and spools last agreed; what follows in the log is counted line by line, and since lines
 * are cut by their bytes alone, the same number is skipped in the spool. A torn last line is cut off.
 *
 * Terminals are read instead of spliced. Output of `docker exec` goes to its listeners only.
 */
export type { ContainerOutput, OutputChunk, OutputListener } from './container-output.ts';
export type { LogDriver } from './driver.ts';
export { type LogConfig, logDrivers, logPath, parseLogConfig } from './log-config.ts';
export type { ReadOptions } from './log-reader.ts';
export { type LogSubject, renderTag } from './log-tag.ts';
export { inDockersWords, type Logs, type OpenRequest, type OutputSource, openLogs } from './logs.ts';
