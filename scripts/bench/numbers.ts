/** The middle value of a sample. */
export function median(sample: readonly number[]): number {
  const sorted = sample.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** One line of the result: ours beside the peer's, in the same unit, and how many times better ours is. */
export interface Row {
  what: string;
  unit: string;
  ours: number;
  peer?: number;
  /** Podman's, where it is there to be asked. */
  podman?: number;
  /** At least this many times better (`peer / ours`), or, without a peer, at most this much. */
  aim: string;
  reached: boolean;
}

const rounded = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2));

/** A row where smaller is better and the peer did the same in the same run. */
export function compared(
  what: string,
  unit: string,
  ours: readonly number[],
  peer: readonly number[],
  times: number,
): Row {
  const row = { what, unit, ours: median(ours), peer: median(peer) };
  return { ...row, aim: `${times} times`, reached: row.peer / row.ours >= times };
}

/** A row that has to stay under a limit. */
export const limited = (what: string, unit: string, ours: number, most: number): Row => ({
  what,
  unit,
  ours,
  aim: `at most ${most}`,
  reached: ours <= most,
});

/** A row that has to reach a limit. */
export const atLeast = (what: string, unit: string, ours: number, least: number): Row => ({
  what,
  unit,
  ours,
  aim: `at least ${least}`,
  reached: ours >= least,
});

/** The rows as a table of Markdown. */
export function table(rows: readonly Row[]): string {
  const lines = rows.map(({ what, unit, ours, peer, aim, reached }) => {
    const ratio = peer === undefined ? '' : `${rounded(peer / ours)} ×`;
    return `| ${what} | ${unit} | ${rounded(ours)} | ${peer === undefined ? '' : rounded(peer)} | ${ratio} | ${aim} | ${reached ? 'yes' : 'no'} |`;
  });
  return ['| what | unit | Berth | peer | ratio | aim | reached |', '|---|---|---:|---:|---:|---|---|', ...lines].join(
    '\n',
  );
}
