import type { EventMessage } from '../../contracts/docker/events.ts';
import type { DesktopTexts } from './texts.ts';

/** What the system tells the user of, and where the window goes when it is clicked. */
export interface News {
  title: string;
  body: string;
  path: string;
}

/** One container makes itself heard once in this time: one that restarts again and again would do nothing else. */
const quietMs = 10 * 60_000;

/** Ended by nobody's fault: well, by Ctrl-C, by a stop or by a kill. */
const expected = ['0', '130', '137', '143'];

/** Which of the engine's events are worth an interruption: what ended badly, ran out of memory, or is unwell. */
export class NewsDesk {
  readonly #told = new Map<string, number>();

  take({ Type, Action, Actor, timeNano }: EventMessage, { news: texts }: DesktopTexts): News | undefined {
    if (Type !== 'container') return undefined;
    const { name = Actor.ID.slice(0, 12), exitCode = '0' } = Actor.Attributes;
    const news = (body: string, tab: string): News => ({ title: name, body, path: `/containers/${Actor.ID}/${tab}` });
    if (Action === 'oom') return this.#once(Actor.ID, timeNano, news(texts.memory, 'stats'));
    if (Action === 'health_status: unhealthy') return this.#once(Actor.ID, timeNano, news(texts.unhealthy, 'overview'));
    if (Action !== 'die' || expected.includes(exitCode)) return undefined;
    return this.#once(Actor.ID, timeNano, news(texts.ended(exitCode), 'logs'));
  }

  #once(id: string, timeNano: number, news: News): News | undefined {
    const now = timeNano / 1e6;
    for (const [each, at] of this.#told) if (now - at > quietMs) this.#told.delete(each);
    if (this.#told.has(id)) return undefined;
    this.#told.set(id, now);
    return news;
  }
}
