/**
 * Room `agent`: builds all rooms below, in the order in which they need each other, and takes them down again; a start that
 * fails leaves nothing.
 */
export { checkRoot } from './check-root.ts';
export { type Agent, end, start } from './life.ts';
export { version } from './program.ts';
