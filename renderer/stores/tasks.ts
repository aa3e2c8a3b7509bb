import { defineStore } from 'pinia';
import { ref } from 'vue';
import type { JsonMessage } from '../../contracts/docker/common.ts';
import { imageCreate } from '../../contracts/docker/image-routes.ts';
import { EngineError, messageOf } from '../../contracts/errors.ts';
import type { Answer, QueryShape, Route } from '../../contracts/route.ts';
import type { EngineRequest, OpenStream } from '../bridge/index.ts';
import { noProgress, type PullProgress, withMessage } from '../model/index.ts';
import { engine } from './clients.ts';
import { useNotices } from './notices.ts';
import { t } from './preferences.ts';

/** Long work: it goes on wherever the user goes. */
export interface Task {
  id: number;
  title: string;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  progress: PullProgress;
  /** Bytes that have passed. */
  bytes: number;
  started: number;
  error: string;
  cancel(): void;
}

/** What a task tells of itself while it lasts. */
interface Work {
  failed(error: unknown): void;
  done(): void;
  change(part: Partial<Pick<Task, 'progress' | 'bytes'>>): void;
  progress(): PullProgress;
}

export const useTasks = defineStore('tasks', () => {
  const tasks = ref<Task[]>([]);
  let next = 1;

  const change = (id: number, part: Partial<Task>): void => {
    tasks.value = tasks.value.map(task => (task.id === id ? { ...task, ...part } : task));
  };

  /** Shows work that `begin` starts; resolves when it is done. @throws EngineError of the work, also when cancelled */
  function track(title: string, begin: (work: Work) => Pick<OpenStream, 'cancel'>): Promise<void> {
    const id = next++;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const empty = { progress: noProgress, bytes: 0, started: Date.now(), error: '' };
    const stream: { cancel?: () => void } = {};
    const cancel = (): void => {
      stream.cancel?.();
      change(id, { state: 'cancelled' });
      reject(new EngineError('cancelled', 'cancelled'));
    };
    tasks.value = [...tasks.value, { id, title, state: 'running', ...empty, cancel }];
    const begun = begin({
      failed: error => {
        change(id, { state: 'failed', error: messageOf(error) });
        reject(error);
      },
      done: () => {
        change(id, { state: 'done' });
        resolve();
      },
      change: part => change(id, part),
      progress: () => tasks.value.find(task => task.id === id)?.progress ?? noProgress,
    });
    stream.cancel = () => begun.cancel();
    return promise;
  }

  /** A request that answers with lines of progress; a line with an error fails it. */
  function run<Path extends string, Shape extends QueryShape, Body>(
    title: string,
    route: Route<Path, Shape, Body, Answer<'progress', JsonMessage>>,
    request: EngineRequest<Path, Shape, Body>,
    upload?: Blob,
  ): Promise<void> {
    return track(title, work => {
      let failure: string | undefined;
      return engine.lines(
        route,
        request,
        {
          line: message => {
            failure ??= message.error;
            work.change({ progress: withMessage(work.progress(), message) });
          },
          ended: error => {
            if (error || failure !== undefined) work.failed(error ?? new EngineError('internal', failure ?? ''));
            else work.done();
          },
        },
        upload,
      );
    });
  }

  /** A request whose body is a file. */
  function send<Path extends string, Shape extends QueryShape, Body, Reply extends Answer>(
    title: string,
    route: Route<Path, Shape, Body, Reply>,
    request: EngineRequest<Path, Shape, Body>,
    upload: Blob,
  ): Promise<void> {
    return track(title, work =>
      engine.open(
        route,
        request,
        { bytes: () => undefined, ended: error => (error ? work.failed(error) : work.done()) },
        upload,
      ),
    );
  }

  /** A request whose answer becomes a file of the user's. */
  function save<Path extends string, Shape extends QueryShape, Body, Reply extends Answer>(
    title: string,
    route: Route<Path, Shape, Body, Reply>,
    request: EngineRequest<Path, Shape, Body>,
    fileName: string,
  ): Promise<void> {
    return track(title, work => {
      const parts: Blob[] = [];
      let bytes = 0;
      let told = 0;
      return engine.open(route, request, {
        bytes: part => {
          // a browser keeps large blobs on the disk
          parts.push(new Blob([new Uint8Array(part)]));
          bytes += part.length;
          if (bytes - told < tellStep) return;
          told = bytes;
          work.change({ bytes });
        },
        ended: error => {
          work.change({ bytes });
          if (error) work.failed(error);
          else {
            saveFile(new Blob(parts), fileName);
            work.done();
          }
        },
      });
    });
  }

  /** Pulls an image; resolves when it is there. @throws EngineError in the engine's words, also when cancelled */
  const pull = (reference: string): Promise<void> =>
    run(t().tasks.pull(reference), imageCreate, { query: { fromImage: withTag(reference) } });

  /** For work that nobody waits for: its task tells why it failed, and so does a notice. */
  const quietly = (title: string, work: Promise<unknown>): void =>
    void work.catch(error => {
      if (!(error instanceof EngineError && error.kind === 'cancelled')) useNotices().add(title, error);
    });

  const clear = (): void => {
    tasks.value = tasks.value.filter(({ state }) => state === 'running');
  };
  return { tasks, track, run, send, save, pull, quietly, clear };
});

/** Bytes between two changes of what is shown. */
const tellStep = 4 << 20;

/** Gives the user a file, as a browser does. */
export function saveFile(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Without a tag the engine would pull all of them. */
const withTag = (reference: string): string =>
  /@|:[^/]*$/.test(reference.trim()) ? reference.trim() : `${reference.trim()}:latest`;
