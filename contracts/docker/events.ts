/** What an event is about. */
export type EventType = 'container' | 'image' | 'volume' | 'network' | 'daemon' | 'plugin' | 'builder';

export interface EventActor {
  ID: string;
  Attributes: Record<string, string>;
}

/** One line of `GET /events`; `status`, `id` and `from` are for clients before API 1.52. */
export interface EventMessage {
  status?: string;
  id?: string;
  from?: string;
  Type: EventType;
  Action: string;
  Actor: EventActor;
  scope: 'local' | 'swarm';
  time: number;
  timeNano: number;
}
