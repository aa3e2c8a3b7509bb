const msPer: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** What Go's time.ParseDuration reads, as `1h30m`, `-1.5s`, `0`: in milliseconds; undefined for what it would refuse. */
export function goDurationMs(text: string): number | undefined {
  const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y; // sticky, and in one way only: its time is linear
  const sign = /^[+-]/.exec(text)?.[0] ?? '';
  const amount = text.slice(sign.length);
  if (amount === '0') return 0;
  let total = 0;
  do {
    const [, digits, unit = ''] = part.exec(amount) ?? [];
    if (digits === undefined) return undefined;
    total += Number(digits) * (msPer[unit] ?? 0);
  } while (part.lastIndex < amount.length);
  return sign === '-' ? -total : total;
}
