import { de } from './de.ts';
import { en, type Texts } from './en.ts';

/** Room `texts`: every word of the window, by language. */
export type Language = 'en' | 'de';
export type { Texts };

export const languages: Record<Language, { name: string; texts: Texts }> = {
  en: { name: 'English', texts: en },
  de: { name: 'Deutsch', texts: de },
};
