import { createInterface } from 'node:readline/promises';
import { invalidArgument } from '../../contracts/errors.ts';

/** Asks the person at the terminal. @throws invalid-argument, with `what` would go, where nobody can be asked */
export async function isSure(question: string, what: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw invalidArgument(`${what} would go: say --yes`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${question} [y/N] `);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}
