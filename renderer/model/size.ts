/** Between the digits of a number, as the language that is shown has it. */
let decimalMark = '.';

/** Numbers are written as `language` has them from now on. */
export function writeNumbersIn(language: string): void {
  const parts = new Intl.NumberFormat(language).formatToParts(1.5);
  decimalMark = parts.find(({ type }) => type === 'decimal')?.value ?? '.';
}

/** Not by `Intl`, which is slow: lists have thousands of them. */
const fixed = (value: number, digits: number): string => value.toFixed(digits).replace('.', decimalMark);

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** `12.3 MB`: decimal units, as Docker writes them, three digits. */
export function byteSize(bytes: number): string {
  if (bytes < 0) return '–';
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${fixed(value, digits)} ${units[unit]}`;
}

const binaryUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `512 MiB`: of memory, which comes in powers of two. */
export function memorySize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1023.5 && unit < binaryUnits.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${fixed(value, digits)} ${binaryUnits[unit]}`;
}

/** `1.5 %` of one processor. */
export const percent = (value: number): string => `${fixed(value, value >= 100 ? 0 : 1)} %`;

/** The 12 digits that people know an object by. */
export const shortId = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12);

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ['second', 60],
  ['minute', 60],
  ['hour', 24],
  ['day', 30],
  ['month', 12],
  ['year', Number.POSITIVE_INFINITY],
];

/** Made once: it takes longer than all that it is used for in a list. */
const formats = new Map<string, Intl.RelativeTimeFormat>();

function formatOf(locale: string): Intl.RelativeTimeFormat {
  const format = formats.get(locale) ?? new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  formats.set(locale, format);
  return format;
}

/** `3 minutes ago`, in `locale`. Times in milliseconds; what is not yet over is now: clocks differ a little. */
export function relativeTime(time: number, now: number, locale: string): string {
  const format = formatOf(locale);
  let value = Math.min(0, time - now) / 1000;
  for (const [unit, most] of steps) {
    if (Math.abs(value) < most) return format.format(Math.round(value), unit);
    value /= most;
  }
  return '';
}

/** `0.4 s`, `12 s`, `3 min 5 s`: how long something took, in milliseconds. */
export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${fixed(seconds, 1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${whole % 60} s`;
}
