import { invalidArgument } from '../../contracts/errors.ts';

/** Docker's default: ctrl-p, ctrl-q. */
export const defaultDetachKeys = 'ctrl-p,ctrl-q';

const controls: Readonly<Record<string, number>> = { '@': 0, '[': 27, '\\': 28, ']': 29, '^': 30, _: 31 };

/** Bytes of a sequence such as `ctrl-p,ctrl-q` or `a,ctrl-[`. @throws invalid-argument in Docker's words */
export function parseDetachKeys(text: string): Buffer {
  return Buffer.from(text.split(',').map(key => keyByte(key)));
}

function keyByte(key: string): number {
  if (Buffer.byteLength(key) === 1) return key.charCodeAt(0);
  const control = key.startsWith('ctrl-') ? key.slice('ctrl-'.length) : undefined;
  if (control?.length === 1) {
    if (control >= 'a' && control <= 'z') return control.charCodeAt(0) - 96;
    const code = controls[control];
    if (code !== undefined) return code;
  }
  throw invalidArgument(`Unknown character: '${key}'`);
}

/** Looks for the detach keys in what a user types; a started sequence is held back until it is clear what it is. */
export class DetachScanner {
  readonly #keys: Buffer;
  #matched = 0;

  constructor(keys: Buffer) {
    this.#keys = keys;
  }

  /** What goes on to the process, and whether the sequence is complete. */
  scan(chunk: Buffer): { pass: Buffer; detached: boolean } {
    const pass: Buffer[] = [];
    for (let at = 0; at < chunk.length; at++) {
      if (chunk[at] === this.#keys[this.#matched]) {
        this.#matched++;
        if (this.#matched === this.#keys.length) return { pass: Buffer.concat(pass), detached: true };
        continue;
      }
      pass.push(this.#keys.subarray(0, this.#matched));
      this.#matched = 0;
      if (chunk[at] === this.#keys[0] && this.#keys.length > 1) this.#matched = 1;
      else pass.push(chunk.subarray(at, at + 1));
    }
    return { pass: Buffer.concat(pass), detached: false };
  }
}
