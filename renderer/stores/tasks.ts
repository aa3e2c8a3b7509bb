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
  /** Of so many, where that is known. */
  total?: number;
  started: number;
  error: string;
  cancel(): void;
  /** Does it once more, when it can be; of a pull the engine has kept what was complete. */
  again?: (() => void) | undefined;
}

/** Where the bytes of an answer go. */
interface Sink {
  take(part: Uint8Array): void;
  end(): void;
}
const nowhere: Sink = { take: () => undefined, end: () => undefined };

/** What a task tells of itself while it lasts. */
interface Work {
  failed(error: unknown): void;
  done(): void;
  change(part: Partial<Pick<Task, 'progress' | 'bytes' | 'total'>>): void;
  progress(): PullProgress;
}

export const useTasks = defineStore('tasks', () => {
  const tasks = ref<Task[]>([]);
  let next = 1;

  const change = (id: number, part: Partial<Task>): void => {
    tasks.value = tasks.value.map(task => (task.id === id ? { ...task, ...part } : task));
  };

  /**
   * Shows work that `begin` starts; resolves when it is done. `again`: it can be begun once more by itself.
   * @throws EngineError of the work, also when cancelled
   */
  function track(title: string, begin: (work: Work) => Pick<OpenStream, 'cancel'>, again = false): Promise<void> {
    const id = next++;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const empty = { progress: noProgress, bytes: 0, started: Date.now(), error: '' };
    const stream: { cancel?: () => void } = {};
    const cancel = (): void => {
      stream.cancel?.();
      change(id, { state: 'cancelled' });
      reject(new EngineError('cancelled', 'cancelled'));
    };
    const restart = (): void => {
      tasks.value = tasks.value.filter(task => task.id !== id);
      quietly(title, track(title, begin, again));
    };
    tasks.value = [
      ...tasks.value,
      { id, title, state: 'running', ...empty, cancel, again: again ? restart : undefined },
    ];
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
    const begin = (work: Work): OpenStream => {
      let failure: string | undefined;
      const line = (message: JsonMessage): void => {
        failure ??= message.error;
        work.change({ progress: withMessage(work.progress(), message) });
      };
      const ended = (error?: EngineError): void => {
        if (error || failure !== undefined) work.failed(error ?? new EngineError('internal', failure ?? ''));
        else work.done();
      };
      return engine.lines(route, request, { line, ended }, upload);
    };
    return track(title, begin, true);
  }

  /** A request whose answer is bytes. */
  function transfer<Path extends string, Shape extends QueryShape, Body, Reply extends Answer>(
    title: string,
    route: Route<Path, Shape, Body, Reply>,
    request: EngineRequest<Path, Shape, Body>,
    sink: (work: Work) => Sink,
    upload?: Blob,
  ): Promise<void> {
    const begin = (work: Work): OpenStream => {
      const { take, end } = sink(work);
      const ended = (error?: EngineError): void => {
        if (!error) end();
        if (error) work.failed(error);
        else work.done();
      };
      return engine.open(route, request, { bytes: take, ended }, upload);
    };
    return track(title, begin, true);
  }

  /** A request whose body is a file. */
  const send = <Path extends string, Shape extends QueryShape, Body, Reply extends Answer>(
    title: string,
    route: Route<Path, Shape, Body, Reply>,
    request: EngineRequest<Path, Shape, Body>,
    upload: Blob,
  ): Promise<void> => transfer(title, route, request, () => nowhere, upload);

  /** A request whose answer becomes a file of the user's. */
  const save = <Path extends string, Shape extends QueryShape, Body, Reply extends Answer>(
    title: string,
    route: Route<Path, Shape, Body, Reply>,
    request: EngineRequest<Path, Shape, Body>,
    fileName: string,
  ): Promise<void> => transfer(title, route, request, work => fileSink(fileName, bytes => work.change({ bytes })));

  /** Pulls an image; resolves when it is there. @throws EngineError in the engine's words, also when cancelled */
  const pull = (reference: string, platform?: string): Promise<void> =>
    run(t().tasks.pull(reference), imageCreate, { query: { fromImage: withTag(reference), platform } });

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

/** Gathers a file; `tell` hears how much of it is there. */
function fileSink(name: string, tell: (bytes: number) => void): Sink {
  const parts: Blob[] = [];
  let bytes = 0;
  let told = 0;
  return {
    take: part => {
      // a browser keeps large blobs on the disk
      parts.push(new Blob([new Uint8Array(part)]));
      bytes += part.length;
      if (bytes - told < tellStep) return;
      told = bytes;
      tell(bytes);
    },
    end: () => {
      tell(bytes);
      saveFile(new Blob(parts), name);
    },
  };
}

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
