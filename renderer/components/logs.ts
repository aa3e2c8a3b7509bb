/** What draws a log: apart from the other components, for it is loaded only when one is shown. */
export { LogCanvas } from './domain/log-canvas.ts';
export { LogSearch } from './domain/log-search.ts';
