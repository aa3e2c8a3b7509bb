import { appendFileSync } from 'node:fs';
import { RuntimeFailure } from './failure.ts';

let file: string | undefined;
let format: 'text' | 'json' = 'text';

/** Where else than on standard error: what called us reads its reasons there. */
export function reportTo(path: string | undefined, as: 'text' | 'json'): void {
  file = path;
  format = as;
}

/** One line, as runc's logs have it. */
export function report(level: 'error' | 'warning', error: unknown): void {
  const message = error instanceof RuntimeFailure ? error.message : ((error as Error).stack ?? String(error));
  const time = new Date().toISOString();
  const text = `time=${JSON.stringify(time)} level=${level} msg=${JSON.stringify(message)}\n`;
  if (file) appendFileSync(file, format === 'json' ? `${JSON.stringify({ level, msg: message, time })}\n` : text);
  process.stderr.write(text);
}
