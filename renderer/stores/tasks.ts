import { defineStore } from 'pinia';
import { ref } from 'vue';
import { imageCreate } from '../../contracts/docker/image-routes.ts';
import { EngineError, messageOf } from '../../contracts/errors.ts';
import { noProgress, type PullProgress, withMessage } from '../model/index.ts';
import { engine } from './clients.ts';

/** Long work: it goes on wherever the user goes. */
export interface Task {
  id: number;
  /** The image that is pulled. */
  image: string;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  progress: PullProgress;
  error: string;
  cancel(): void;
}

export const useTasks = defineStore('tasks', () => {
  const tasks = ref<Task[]>([]);
  let next = 1;

  const change = (id: number, part: Partial<Task>): void => {
    tasks.value = tasks.value.map(task => (task.id === id ? { ...task, ...part } : task));
  };
  const find = (id: number): Task | undefined => tasks.value.find(task => task.id === id);

  /** Pulls an image; resolves when it is there. @throws EngineError in the engine's words, also when cancelled */
  function pull(reference: string): Promise<void> {
    const id = next++;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let failure: string | undefined;
    const stream = engine.lines(
      imageCreate,
      { query: { fromImage: withTag(reference) } },
      {
        line: message => {
          failure ??= message.error;
          change(id, { progress: withMessage(find(id)?.progress ?? noProgress, message) });
        },
        ended: error => {
          const why = error ? messageOf(error) : failure;
          change(id, why === undefined ? { state: 'done' } : { state: 'failed', error: why });
          if (why === undefined) resolve();
          else reject(error ?? new EngineError('internal', why));
        },
      },
    );
    const cancel = (): void => {
      stream.cancel();
      change(id, { state: 'cancelled' });
      reject(new EngineError('cancelled', 'cancelled'));
    };
    tasks.value = [...tasks.value, { id, image: reference, state: 'running', progress: noProgress, error: '', cancel }];
    return promise;
  }

  const clear = (): void => {
    tasks.value = tasks.value.filter(({ state }) => state === 'running');
  };
  return { tasks, pull, clear };
});

/** Without a tag the engine would pull all of them. */
const withTag = (reference: string): string =>
  /@|:[^/]*$/.test(reference.trim()) ? reference.trim() : `${reference.trim()}:latest`;
