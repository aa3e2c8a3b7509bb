/**
 * What the engine is told: its flags, and the configuration file with the keys of Docker's daemon.json. `directives` says for each key what it must
 * look like and what becomes of it here; `read-config` turns a file into settings, or into the message that dockerd has
 * for what is wrong with it; `settings` keeps what holds now and reads the file again when the engine is told to
 * (SIGHUP): some keys hold at once, the others at the next start.
 */

export type { DaemonConfig } from './directives.ts';
export { applyProxy, type Flags, levelOf, readConfig, readFlags } from './flags.ts';
export { networkSettings } from './network-settings.ts';
export { readConfigFile } from './read-config.ts';
export { DaemonSettings } from './settings.ts';
