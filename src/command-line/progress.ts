import type { Progress } from '../machine/index.ts';

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;

/**
 * One line per phase with its time: on a terminal the line stands there while the phase lasts, elsewhere it is written
 * when the phase has ended.
 */
export function progressLines(out: { isTTY?: boolean; write(text: string): unknown }): (progress: Progress) => void {
  return ({ title, ms, detail }) => {
    if (ms === undefined) {
      if (out.isTTY) out.write(`  … ${title}`);
      return;
    }
    const start = out.isTTY ? '\r\u001b[K' : '';
    out.write(`${start}  ${seconds(ms).padStart(7)}  ${title}${detail ? `: ${detail}` : ''}\n`);
  };
}
