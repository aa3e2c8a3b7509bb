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
  const shown = (value: number | undefined): string => (value === undefined ? '' : rounded(value));
  const third = rows.some(({ podman }) => podman !== undefined);
  const lines = rows.map(({ what, unit, ours, peer, podman, aim, reached }) => {
    const ratio = peer === undefined ? '' : `${rounded(peer / ours)} ×`;
    const cells = [what, unit, shown(ours), shown(peer), ...(third ? [shown(podman)] : []), ratio, aim];
    return `| ${cells.join(' | ')} | ${reached ? 'yes' : 'no'} |`;
  });
  const extra = third ? [' podman |', '---:|'] : ['', ''];
  return [
    `| what | unit | Berth | peer |${extra[0]} ratio | aim | reached |`,
    `|---|---|---:|---:|${extra[1]}---:|---|---|`,
    ...lines,
  ].join('\n');
}
