import { defineStore } from 'pinia';
import { computed, ref, watch, watchEffect } from 'vue';
import { writeNumbersIn } from '../model/index.ts';
import { type Language, languages, type Texts } from '../texts/index.ts';

export type Theme = 'system' | 'light' | 'dark';
export type Density = 'comfortable' | 'compact';

/** A choice that this browser remembers. */
function remembered<T extends string>(name: string, choices: readonly T[], fallback: T) {
  const saved = localStorage.getItem(`berth.${name}`);
  const value = ref(choices.find(choice => choice === saved) ?? fallback);
  watch(value, now => localStorage.setItem(`berth.${name}`, now));
  return value;
}

/** Whether the page is so, now and whenever it changes. */
function matching(query: string) {
  const list = matchMedia(query);
  const is = ref(list.matches);
  list.addEventListener('change', ({ matches }) => {
    is.value = matches;
  });
  return is;
}

/** How the window looks and speaks. */
export const usePreferences = defineStore('preferences', () => {
  const theme = remembered<Theme>('theme', ['system', 'light', 'dark'], 'system');
  const density = remembered<Density>('density', ['comfortable', 'compact'], 'comfortable');
  const wanted: Language = navigator.language.startsWith('de') ? 'de' : 'en';
  const language = remembered<Language>('language', ['en', 'de'], wanted);
  watch(language, writeNumbersIn, { immediate: true, flush: 'sync' }); // before anything is drawn
  const navigation = remembered<'wide' | 'narrow'>('navigation', ['wide', 'narrow'], 'wide');
  const isSystemDark = matching('(prefers-color-scheme: dark)');
  const dark = computed(() => theme.value === 'dark' || (theme.value === 'system' && isSystemDark.value));
  watchEffect(() => {
    const page = document.documentElement;
    page.dataset.theme = dark.value ? 'dark' : 'light';
    page.dataset.density = density.value;
    page.lang = language.value;
  });
  return {
    theme,
    density,
    language,
    navigation,
    dark,
    isNarrow: matching('(max-width: 1040px)'),
    rowHeight: computed(() => (density.value === 'compact' ? 28 : 36)),
  };
});

/** The texts in the language that is chosen; call it while rendering. */
export const t = (): Texts => languages[usePreferences().language].texts;
