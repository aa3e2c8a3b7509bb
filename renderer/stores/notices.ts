import { defineStore } from 'pinia';
import { ref } from 'vue';
import { messageOf } from '../../contracts/errors.ts';

/** What is told at the side: something that did not work and why, or something done that can be undone. */
export interface Notice {
  id: number;
  what: string;
  /** Why not; empty for what worked. */
  why: string;
  undo?: (() => void) | undefined;
}

/** What went well is no longer shown after this time. */
const shownMs = 8000;

/** What went wrong and was not yet dismissed; what can still be undone. */
export const useNotices = defineStore('notices', () => {
  const notices = ref<Notice[]>([]);
  let next = 1;
  const put = (notice: Omit<Notice, 'id'>): number => {
    const id = next++;
    notices.value = [...notices.value.slice(-3), { id, ...notice }];
    return id;
  };
  const dismiss = (id: number): void => {
    notices.value = notices.value.filter(notice => notice.id !== id);
  };
  const add = (what: string, error: unknown): void => void put({ what, why: messageOf(error) });
  /** Something worked; `undo` takes it back. */
  const tell = (what: string, undo?: () => unknown): void => {
    const id = put({ what, why: '', undo: undo && (() => undoNow(id, what, undo)) });
    setTimeout(() => dismiss(id), shownMs);
  };
  function undoNow(id: number, what: string, undo: () => unknown): void {
    dismiss(id);
    void (async () => undo())().catch((error: unknown) => add(what, error));
  }
  return { notices, add, tell, dismiss };
});
