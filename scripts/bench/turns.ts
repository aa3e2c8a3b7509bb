/**
 * Turns of ours and the peer's alternate, so that both meet the same noise of the machine; in batches, of which the first
 * turns do not count, for after each turn an engine goes on tidying up.
 */
export async function alternate(rounds: number, batch: number, turns: (() => Promise<number>)[]): Promise<number[][]> {
  const samples: number[][] = turns.map(() => []);
  for (let round = 0; round < rounds; round += batch) {
    for (const [index, turn] of turns.entries()) {
      const skipped = batch > 1 ? 3 : 0;
      for (let count = -skipped; count < batch; count++) {
        const sample = await turn();
        if (count >= 0) samples[index]?.push(sample);
      }
    }
  }
  return samples;
}
