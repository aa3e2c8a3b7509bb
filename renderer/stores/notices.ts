import { defineStore } from 'pinia';
import { ref } from 'vue';
import { messageOf } from '../../contracts/errors.ts';

/** Something that did not work: what was tried, and why not. */
export interface Notice {
  id: number;
  what: string;
  why: string;
}

/** What went wrong and was not yet dismissed. */
export const useNotices = defineStore('notices', () => {
  const notices = ref<Notice[]>([]);
  let next = 1;
  const add = (what: string, error: unknown): void => {
    notices.value = [...notices.value.slice(-3), { id: next++, what, why: messageOf(error) }];
  };
  const dismiss = (id: number): void => {
    notices.value = notices.value.filter(notice => notice.id !== id);
  };
  return { notices, add, dismiss };
});
