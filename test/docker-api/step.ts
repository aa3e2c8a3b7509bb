/** One `docker` command. `input` is its standard input. */
export interface Step {
  docker: string[];
  input?: string;
  /** What differs between machines in this step's output, replaced before it is compared. */
  hide?: RegExp[];
  /** Only the last line of standard error is compared: the lines before it are of the moment. */
  lastErrorLine?: true;
  /** Standard output is a set of lines. */
  unordered?: true;
}

/** Commands that build on each other. Every scenario starts with the image `busybox:latest` and nothing else. */
export interface Scenario {
  name: string;
  steps: Step[];
}

/** A step from a line, which is split at its spaces. */
export const step = (line: string, more: Omit<Step, 'docker'> = {}): Step => ({ docker: words(line), ...more });

/** Splits a command line at spaces; 'single quotes' keep words together. */
function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(match => match[1] ?? match[2] ?? '');
}
