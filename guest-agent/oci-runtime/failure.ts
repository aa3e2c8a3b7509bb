/** What a person is told, in runc's words; everything else is a bug and comes with its stack. */
export class RuntimeFailure extends Error {
  override readonly name = 'RuntimeFailure';
}

export const fail = (message: string, cause?: unknown): RuntimeFailure => new RuntimeFailure(message, { cause });
