/** Room `settings`: where a Berth lives on this computer, and what its user chose. Plain data, read once at the start. */
export { type Home, homeAt, homeFolder } from './home.ts';
export { defaultSettings, readSettings, type Settings } from './settings.ts';
