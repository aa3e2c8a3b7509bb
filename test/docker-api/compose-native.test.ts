import { describe } from 'vitest';
import { engineForTests } from '../support/engine-for-tests.ts';
import { composeTests } from './compose-application.ts';

describe('with a native engine', () => {
  const engine = engineForTests();

  composeTests('the native engine', () => ({
    engine: engine(),
    killEngine: async () => {
      await engine().kill();
      await engine().restart();
    },
    restartEngine: async () => {
      await engine().end();
      await engine().restart();
    },
  }));
});
