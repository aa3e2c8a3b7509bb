/** Room `stores`: what the window knows, fed by the engine's events. */

export { type Question, useAsking } from './asking.ts';
export { useBackups } from './backups.ts';
export { useBerth } from './berth.ts';
export { useBuilds } from './builds.ts';
export { bridge, engine } from './clients.ts';
export { useClock } from './clock.ts';
export { type ComposeProject, useCompose } from './compose.ts';
export { useConnection } from './connection.ts';
export { type ContainerAction, useContainers } from './containers.ts';
export { useDesktop } from './desktop.ts';
export { runIn } from './exec.ts';
export { type Notice, useNotices } from './notices.ts';
export { useImages, useNetworks, useVolumes } from './objects.ts';
export { type Density, type Theme, t, usePreferences } from './preferences.ts';
export { useStats } from './stats.ts';
export { saveFile, type Task, useTasks } from './tasks.ts';
