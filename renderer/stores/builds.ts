import { defineStore } from 'pinia';
import { computed, onScopeDispose, shallowRef, triggerRef, watch } from 'vue';
import { buildList } from '../../contracts/docker/build-routes.ts';
import type { BuildSummary } from '../../contracts/docker/builds.ts';
import { messageOf } from '../../contracts/errors.ts';
import type { OpenStream } from '../bridge/index.ts';
import { engine } from './clients.ts';
import { useConnection } from './connection.ts';

/** What was built and what is being built: told by the engine while a view shows it. */
export const useBuilds = defineStore('builds', () => {
  const byId = shallowRef(new Map<string, BuildSummary>());
  const loaded = shallowRef(false);
  /** Why it is not known: another engine than Berth's keeps no builds. */
  const problem = shallowRef('');
  const connection = useConnection();
  let watchers = 0;
  let stream: OpenStream | undefined;

  function match(): void {
    if (watchers === 0 || !connection.usable) {
      stream?.cancel();
      stream = undefined;
      return;
    }
    stream ??= engine.lines(
      buildList,
      { query: { watch: true } },
      {
        head: () => {
          byId.value = new Map();
          loaded.value = true;
          problem.value = '';
        },
        line: summary => {
          byId.value.set(summary.id, summary);
          triggerRef(byId);
        },
        ended: error => {
          stream = undefined;
          loaded.value = true;
          problem.value = error ? messageOf(error) : '';
        },
      },
    );
  }
  watch(() => connection.usable, match);

  /** Follows as long as the view that calls it is there. */
  function show(): void {
    watchers++;
    match();
    onScopeDispose(() => {
      watchers--;
      match();
    });
  }

  const builds = computed(() => [...byId.value.values()].toReversed());
  return { builds, loaded, problem, show };
});
