import type { Log } from '../../base/log.ts';
import type { AccountCache } from './account-files.ts';
import type { ContainerActor } from './container.ts';
import type { ContainerIndex } from './containers-index.ts';
import type { Events } from './events.ts';
import type { ExecIndex } from './exec.ts';
import type { RecordStore } from './record-store.ts';
import type { EngineOptions, Rooms } from './rooms.ts';

/** What every part of the engine works with. */
export interface EngineContext {
  rooms: Rooms;
  options: EngineOptions;
  records: RecordStore;
  index: ContainerIndex<ContainerActor>;
  execs: ExecIndex;
  events: Events;
  accounts: AccountCache;
  /** The seccomp profile of containers that ask for none; empty: Docker's. */
  usualSeccomp: string;
  log: Log;
}
