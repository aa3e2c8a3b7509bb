/** Berth's own documents: what was built, what is being built, and what it said. Times in milliseconds since 1970. */
export interface BuildSummary {
  id: string;
  /** The Dockerfile's name. */
  dockerfile: string;
  /** The stage that was asked for; empty for the last. */
  target: string;
  platform: string;
  /** Names that its image got. */
  names: string[];
  /** Its image, once there is one. */
  image: string;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  started: number;
  /** 0 while it runs. */
  ended: number;
  /** Steps that have begun; how many of them have ended, and how many of those by the cache. */
  steps: number;
  finished: number;
  cached: number;
  /** Why it failed. */
  error: string;
}

/** One line of a build's log. `step` counts from 0. */
export type BuildNews =
  | { type: 'dockerfile'; name: string; source: string }
  | { type: 'step'; step: number; name: string; line: number; at: number }
  | { type: 'output'; step: number; text: string }
  | { type: 'ended'; step: number; at: number; cached: boolean; error: string }
  | { type: 'warning'; rule: string; message: string; line: number }
  | { type: 'over'; summary: BuildSummary };
