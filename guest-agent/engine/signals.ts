import { constants } from 'node:os';
import { invalidArgument } from '../../contracts/errors.ts';

const realTimeMin = 34;
const realTimeMax = 64;

/** Number of a signal named `KILL`, `SIGKILL`, `9` or `RTMIN+3`. @throws invalid-argument in Docker's words */
export function parseSignal(text: string): number {
  const wanted = text.trim().toUpperCase();
  if (/^\d+$/.test(wanted)) {
    const number = Number(wanted);
    if (number >= 1 && number <= realTimeMax) return number;
    throw invalidArgument(`invalid signal: ${text}`);
  }
  const name = wanted.replace(/^SIG/, '');
  const number = (constants.signals as Record<string, number>)[`SIG${name}`] ?? realTime(name);
  if (number === undefined) throw invalidArgument(`invalid signal: ${text}`);
  return number;
}

function realTime(name: string): number | undefined {
  const parts = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (!parts) return undefined;
  const offset = Number(parts[3] ?? 0) * (parts[2] === '-' ? -1 : 1);
  const number = (parts[1] === 'MIN' ? realTimeMin : realTimeMax) + offset;
  return number >= realTimeMin && number <= realTimeMax ? number : undefined;
}
