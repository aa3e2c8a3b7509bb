import { EngineError } from '../../contracts/errors.ts';

/** An exec runs once. Who asked for its stream reads this on it: dockerd has taken the connection over by then. */
export class ExecSpent extends EngineError {
  constructor(id: string, how: 'is already running' | 'has already run') {
    super('conflict', `exec command ${id} ${how}`);
  }
}
