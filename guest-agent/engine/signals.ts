import { constants } from 'node:os';
import { invalidArgument } from '../../contracts/errors.ts';

const realTimeMin = 34;
const realTimeMax = 64;

/** Number of a signal named `KILL`, `SIGKILL`, `9` or `RTMIN+3`: any number but 0. @throws invalid-argument in Docker's words */
export function parseSignal(text: string): number {
  const wanted = text.trim().toUpperCase();
  if (/^[+-]?\d+$/.test(wanted) && Number(wanted) !== 0) return Number(wanted);
  const name = wanted.replace(/^SIG/, '');
  const number = (constants.signals as Record<string, number>)[`SIG${name}`] ?? realTime(name);
  if (number === undefined) throw invalidArgument(`invalid signal: ${text}`);
  return number;
}

export const isSendable = (signal: number): boolean => signal >= 1 && signal <= realTimeMax;

/** Like {@link parseSignal}, for a signal that is to be sent now. @throws invalid-argument also when Linux has none of that number */
export function parseSendable(text: string): number {
  const number = parseSignal(text);
  if (!isSendable(number)) throw invalidArgument(`the linux daemon does not support signal ${number}`);
  return number;
}

function realTime(name: string): number | undefined {
  const parts = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (!parts) return undefined;
  const offset = Number(parts[3] ?? 0) * (parts[2] === '-' ? -1 : 1);
  const number = (parts[1] === 'MIN' ? realTimeMin : realTimeMax) + offset;
  return number >= realTimeMin && number <= realTimeMax ? number : undefined;
}
