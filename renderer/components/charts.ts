/** Charts: apart from the other components, for they are loaded only when one is shown. */
export { Chart, type ChartLine } from './domain/chart.tsx';
