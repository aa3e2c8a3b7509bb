import { EngineError } from '../../../contracts/errors.ts';

/** A fault in a Dockerfile: where it is, for clients that show the source. */
export class DockerfileError extends EngineError {
  /** From 1; absent when the file as a whole is at fault. */
  readonly line: number | undefined;

  constructor(message: string, line: number | undefined, options?: ErrorOptions) {
    super('invalid-argument', message, options);
    this.line = line;
  }
}

/** In BuildKit's words. */
export const dockerfileError = (message: string, line: number | undefined, options?: ErrorOptions): DockerfileError =>
  new DockerfileError(
    `dockerfile parse error${line === undefined ? '' : ` on line ${line}`}: ${message}`,
    line,
    options,
  );

/** A fault that was found while a step was worked out: the message stands alone. */
export const stepError = (message: string, line: number | undefined, options?: ErrorOptions): DockerfileError =>
  new DockerfileError(message, line, options);
