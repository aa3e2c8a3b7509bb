import { defineStore } from 'pinia';
import { ref } from 'vue';
import type { BerthAction } from '../../contracts/bridge.ts';
import { messageOf } from '../../contracts/errors.ts';
import { bridge } from './clients.ts';

/** Of what a command says, so many characters are kept. */
const mostOutput = 100_000;

/** Commands of Berth itself: its start, its end, its repairs. One at a time. */
export const useBerth = defineStore('berth', () => {
  const busy = ref<BerthAction>();
  const output = ref('');
  const problem = ref('');

  /** Does it; {@link output} grows meanwhile, and {@link problem} says why it failed. True when it worked. */
  function run(action: BerthAction): Promise<boolean> {
    if (busy.value) return Promise.resolve(false);
    const decoder = new TextDecoder();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    busy.value = action;
    output.value = '';
    problem.value = '';
    bridge.open(
      'berth',
      { action },
      {
        bytes: bytes => {
          output.value = (output.value + decoder.decode(bytes, { stream: true })).slice(-mostOutput);
        },
        ended: error => {
          busy.value = undefined;
          problem.value = error ? messageOf(error) : '';
          resolve(error === undefined);
        },
      },
    );
    return promise;
  }

  return { busy, output, problem, run };
});
