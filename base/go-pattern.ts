import { invalidArgument, messageOf } from '../contracts/errors.ts';

/**
 * Whether an expression of Go's regexp matches somewhere in a text, in time linear in the text: JavaScript's own
 * expressions are another language, and a hostile one would keep the engine busy for ever.
 * @throws invalid-argument in Go's words
 */
export async function goPattern(source: string): Promise<(text: string) => boolean> {
  const { RE2JS } = await import('re2js'); // loaded when it is asked for
  try {
    const compiled = RE2JS.compile(source);
    return text => compiled.test(text);
  } catch (error) {
    throw invalidArgument(messageOf(error), { cause: error });
  }
}
