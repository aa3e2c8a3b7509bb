import { defineStore } from 'pinia';
import { ref } from 'vue';

const stepMs = 10_000;

/** The time now in milliseconds, for words like "3 minutes ago"; it stands still while nobody looks. */
export const useClock = defineStore('clock', () => {
  const now = ref(Date.now());
  setInterval(() => {
    if (!document.hidden) now.value = Date.now();
  }, stepMs);
  document.addEventListener('visibilitychange', () => {
    now.value = Date.now();
  });
  return { now };
});
