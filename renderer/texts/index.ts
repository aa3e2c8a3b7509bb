import type { Language } from '../../contracts/desktop.ts';
import { de } from './de.ts';
import { en, type Texts } from './en.ts';

/** Room `texts`: every word of the window, by language. */
export type { Language, Texts };

export const languages: Record<Language, { name: string; texts: Texts }> = {
  en: { name: 'English', texts: en },
  de: { name: 'Deutsch', texts: de },
};
