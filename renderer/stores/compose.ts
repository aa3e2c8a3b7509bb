import { defineStore } from 'pinia';
import { computed, ref, watch } from 'vue';
import type { ComposeAction, ComposeCheck } from '../../contracts/bridge.ts';
import { invalidArgument } from '../../contracts/errors.ts';
import { type ContainerRow, compareTexts } from '../model/index.ts';
import { bridge } from './clients.ts';
import { useContainers } from './containers.ts';
import { t } from './preferences.ts';
import { useTasks } from './tasks.ts';

/** A compose project: of containers that are there, of a file that was opened, or of both. */
export interface ComposeProject {
  name: string;
  files: readonly string[];
  folder: string;
  containers: readonly ContainerRow[];
  running: number;
}

/** A file that was opened, and what compose calls its project. */
interface OpenedFile {
  name: string;
  path: string;
}

const key = 'berth.compose.files';
const trustKey = 'berth.compose.trusted';
const decoder = new TextDecoder();
/** Of what a command says, so many characters are kept. */
const mostOutput = 200_000;

function saved<Item>(name: string): Item[] {
  try {
    return JSON.parse(localStorage.getItem(name) ?? '[]') as Item[];
  } catch {
    return [];
  }
}

/** Compose projects, and `docker compose` on the computer that Berth runs on. */
export const useCompose = defineStore('compose', () => {
  const containers = useContainers();
  const opened = ref(saved<OpenedFile>(key));
  const trusted = ref(saved<string>(trustKey));
  /** What the last command of a project said. */
  const outputs = ref(new Map<string, string>());
  /** What is being done to which project. */
  const busy = ref(new Map<string, ComposeAction>());
  watch(opened, now => localStorage.setItem(key, JSON.stringify(now)));
  watch(trusted, now => localStorage.setItem(trustKey, JSON.stringify(now)));

  /** Files that the user has opened, or said yes to. Others are only what labels say, and an image can say anything. */
  const trusts = (files: readonly string[]): boolean => files.every(file => trusted.value.includes(file));
  const trust = (files: readonly string[]): void => {
    trusted.value = [...new Set([...trusted.value, ...files])];
  };

  const projects = computed((): ComposeProject[] => {
    const groups = Map.groupBy(
      containers.rows.filter(({ project }) => project !== ''),
      ({ project }) => project,
    );
    const names = new Set([...groups.keys(), ...opened.value.map(({ name }) => name)]);
    return [...names].sort(compareTexts).map(name => {
      const rows = groups.get(name) ?? [];
      const from = rows.find(({ composeFiles }) => composeFiles.length > 0);
      const file = opened.value.find(each => each.name === name)?.path;
      return {
        name,
        files: from?.composeFiles ?? (file === undefined ? [] : [file]),
        folder: from?.composeFolder ?? '',
        containers: rows,
        running: rows.filter(({ state }) => state === 'running').length,
      };
    });
  });

  const read = async (path: string): Promise<string> => (await bridge.call('composeFile', { path })).text;
  const check = (path: string, text: string): Promise<ComposeCheck> => bridge.call('checkCompose', { path, text });

  /** Takes a file into the list; the name of its project. @throws EngineError when compose does not take it */
  async function open(path: string): Promise<string> {
    const { project, problem } = await check(path, await read(path));
    if (problem !== '') throw invalidArgument(problem);
    trust([path]);
    opened.value = [...opened.value.filter(({ name }) => name !== project), { name: project, path }];
    return project;
  }

  const forget = (project: string): void => {
    opened.value = opened.value.filter(({ name }) => name !== project);
  };

  /** Does it; a task shows that it goes on, and {@link outputs} what it says. @throws EngineError when it failed */
  async function run({ name, files, folder }: ComposeProject, action: ComposeAction): Promise<void> {
    busy.value = new Map([...busy.value, [name, action]]);
    const tell = (text: string): void => {
      outputs.value = new Map([...outputs.value, [name, text.slice(-mostOutput)]]);
    };
    tell('');
    try {
      await useTasks().track(t().compose.task(t().compose.actions[action], name), work =>
        bridge.open(
          'compose',
          { action, project: name, files: [...files], folder },
          {
            bytes: bytes => tell((outputs.value.get(name) ?? '') + decoder.decode(bytes)),
            ended: error => (error ? work.failed(error) : work.done()),
          },
        ),
      );
    } finally {
      busy.value = new Map([...busy.value].filter(([project]) => project !== name));
    }
  }

  return { projects, outputs, busy, read, check, open, forget, trusts, trust, run };
});
