import { type Clock, longestTimer } from '../../base/clock.ts';
import type { EventMessage } from '../../contracts/docker/events.ts';
import { familiarName, parseReference } from '../../contracts/oci/reference.ts';
import type { EventNews, EventsService, Filters } from './engine.ts';
import { matchesExactly, matchesLabels, wanted } from './filters.ts';
import { Queue } from './queue.ts';

/** How many events `--since` can look back on, as in dockerd. */
const remembered = 256;
/** Who reads no faster misses what comes then, as with dockerd: what waits for him is in our memory. */
const mostWaiting = 1024;

/** What happened, told to everybody who listens; the last few are kept. */
export class Events implements EventsService {
  readonly #past: EventMessage[] = [];
  readonly #listeners = new Set<(message: EventMessage) => void>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  emit(news: EventNews): void {
    const message = toMessage(news, this.#clock.now());
    this.#past.push(message);
    if (this.#past.length > remembered) this.#past.shift();
    for (const listener of this.#listeners) listener(message);
  }

  subscribe(options: {
    since?: Date;
    until?: Date;
    filters: Filters;
    signal: AbortSignal;
  }): AsyncIterable<EventMessage> {
    const { since, until, filters, signal } = options;
    let timer: NodeJS.Timeout | undefined;
    const stop = (): void => queue.end();
    const listener = (message: EventMessage): void => {
      if (queue.length < mostWaiting && eventMatches(message, filters)) queue.push(message);
    };
    const queue = new Queue<EventMessage>(() => {
      this.#listeners.delete(listener);
      signal.removeEventListener('abort', stop);
      clearTimeout(timer);
    });
    for (const message of this.#past) if (isWithin(message, since, until)) listener(message);
    const leftMs = until ? until.getTime() - this.#clock.now().getTime() : undefined;
    if (signal.aborted || (leftMs !== undefined && leftMs <= 0)) queue.end();
    else this.#listen(listener, signal, stop);
    if (leftMs !== undefined && leftMs > 0) timer = setTimeout(stop, Math.min(leftMs, longestTimer));
    return queue;
  }

  #listen(listener: (message: EventMessage) => void, signal: AbortSignal, stop: () => void): void {
    this.#listeners.add(listener);
    signal.addEventListener('abort', stop, { once: true });
  }
}

const isWithin = (message: EventMessage, since: Date | undefined, until: Date | undefined): boolean => {
  const at = Math.round(message.timeNano / 1e6); // nanoseconds since 1970 are beyond what a number holds exactly
  if (!since && !until) return false;
  return (!since || at >= since.getTime()) && (!until || at <= until.getTime());
};

/** The document of an event; the first three fields are for clients before API 1.52. */
function toMessage(news: EventNews, now: Date): EventMessage {
  const ms = now.getTime();
  const legacy =
    news.type === 'container' || news.type === 'image'
      ? {
          status: news.action,
          ...(news.id ? { id: news.id } : {}),
          ...(news.attributes.image ? { from: news.attributes.image } : {}),
        }
      : {};
  return {
    ...legacy,
    Type: news.type,
    Action: news.action,
    Actor: { ID: news.id, Attributes: { ...news.attributes } },
    scope: 'local',
    time: Math.floor(ms / 1000),
    timeNano: ms * 1e6,
  };
}

/** These are actions with a command behind a colon, which a wish need not name. */
const withCommand = ['health_status', 'exec_create', 'exec_start'];

/** What an event is about, as filters name it by the beginning of an id or a name. */
const actors = ['container', 'daemon', 'network', 'plugin', 'volume', 'node', 'service', 'secret', 'config'];

/** Values of one key are alternatives, keys must all agree (moby daemon/events/filter.go). */
export function eventMatches(message: EventMessage, filters: Filters): boolean {
  const { ID: id, Attributes: attributes } = message.Actor;
  const fuzzy = (key: string, sources: readonly string[]): boolean => {
    const wishes = wanted(filters, key);
    return wishes.length === 0 || wishes.some(wish => sources.some(source => source.startsWith(wish)));
  };
  const names = [id, attributes.name ?? ''];
  const hasCommand = wanted(filters, 'event').some(wish => withCommand.includes(wish));
  return (
    (hasCommand ? fuzzy('event', [message.Action]) : matchesExactly(filters, 'event', message.Action)) &&
    matchesExactly(filters, 'type', message.Type) &&
    matchesExactly(filters, 'scope', message.scope) &&
    actors.every(actor => fuzzy(actor, names)) &&
    matchesImage(message, filters) &&
    matchesLabels(wanted(filters, 'label'), attributes)
  );
}

/** An image event by its id or name, a container's by its image; with or without the tag. */
function matchesImage({ Type, Actor }: EventMessage, filters: Filters): boolean {
  const wishes = wanted(filters, 'image');
  if (wishes.length === 0) return true;
  const name = Actor.Attributes[Type === 'image' ? 'name' : 'image'] ?? '';
  return [Actor.ID, name, withoutTag(Actor.ID), withoutTag(name)].some(source => wishes.includes(source));
}

function withoutTag(image: string): string {
  try {
    return familiarName(parseReference(image));
  } catch {
    return image;
  }
}
