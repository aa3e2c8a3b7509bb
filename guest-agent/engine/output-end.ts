import { settledWithin } from '../../base/clock.ts';
import type { ContainerOutput } from '../logs/index.ts';

/** A grandchild may hold the output open for ever: as long as dockerd waits for the end of one that says nothing. */
const graceMs = 2000;
/** It may also say more and more. */
const mostRounds = 5;

/** Waits for the end of what an ended process has said. What has not come by then is not waited for. */
export async function outputEnd(output: ContainerOutput): Promise<void> {
  for (let round = 0, before = -1; round < mostRounds && output.taken > before; round++) {
    before = output.taken;
    if (await settledWithin(output.ended, graceMs)) return;
  }
  output.cut();
}
