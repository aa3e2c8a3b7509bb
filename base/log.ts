/** One line of the program's own log. `subject` says who speaks: `network`, `pull`, a container's short id. */
export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
  /** The same log, spoken by a part of the program. */
  child(subject: string): Log;
}

const levels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof levels)[number];

const printable = (value: unknown): unknown => (value instanceof Error ? (value.stack ?? value.message) : value);

/** A log of one JSON object a line, written by `write` (standard error by default). A level may change while it is used. */
export function createLog(
  options: { level?: LogLevel | (() => LogLevel); subject?: string; write?: (line: string) => void } = {},
): Log {
  const write = options.write ?? (line => process.stderr.write(line));
  const { level: lowest = 'info' } = options;
  const isSaid = (level: LogLevel): boolean =>
    levels.indexOf(level) >= levels.indexOf(typeof lowest === 'function' ? lowest() : lowest);
  const at = (subject: string | undefined): Log => {
    const say =
      (level: LogLevel) =>
      (message: string, fields: Record<string, unknown> = {}): void => {
        if (!isSaid(level)) return;
        const shown = Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, printable(value)]));
        write(`${JSON.stringify({ time: new Date().toISOString(), level, subject, message, ...shown })}\n`);
      };
    return {
      debug: say('debug'),
      info: say('info'),
      warn: say('warn'),
      error: say('error'),
      child: name => at(subject ? `${subject}/${name}` : name),
    };
  };
  return at(options.subject);
}
