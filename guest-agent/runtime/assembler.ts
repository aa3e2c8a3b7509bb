/**
 * Just enough of an assembler to write one small program once for both processors. There are nine variables, a piece of
 * stack, labels, and system calls; nothing else is needed to be a container's init.
 */
export type Variable = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;
export type Condition = 'equal' | 'different' | 'less' | 'lessOrEqual';

/** What a system call takes: a number, a variable, an address on the stack or in the program. */
export type Operand = number | { variable: Variable } | { stack: number } | { label: string };

/** A system call's number on each processor. */
export interface SystemCall {
  amd64: number;
  arm64: number;
}

/** One processor's way to say things. Offsets are in bytes, sizes of memory in bytes, too. */
export interface Encoder {
  set(target: number, value: number): Buffer;
  copy(target: number, source: number): Buffer;
  add(target: number, value: number): Buffer;
  mask(target: number, value: number): Buffer;
  shiftRight(target: number, bits: number): Buffer;
  load(target: number, base: number, offset: number, size: 1 | 4 | 8): Buffer;
  store(source: number, base: number, offset: number, size: 1 | 4 | 8): Buffer;
  compare(left: number, right: number): Buffer;
  compareWith(left: number, value: number): Buffer;
  /** Makes room on the stack; `size` is a multiple of 16. */
  reserve(size: number): Buffer;
  /** Address of the stack's top plus an offset. */
  stackAddress(target: number, offset: number): Buffer;
  /** The jump, or the address, `distance` bytes from its own first byte. */
  jump(condition: Condition | undefined, distance: number): Buffer;
  address(target: number, distance: number): Buffer;
  call(number: number): Buffer;
  readonly variables: readonly number[];
  readonly arguments: readonly number[];
  readonly result: number;
}

type Part = Buffer | { label: string } | { size: number; label: string; encode: (distance: number) => Buffer };

/** Collects a program's parts and puts the distances in at the end. */
export class Assembler {
  readonly #encoder: Encoder;
  readonly #processor: keyof SystemCall;
  readonly #parts: Part[] = [];

  constructor(processor: keyof SystemCall, encoder: Encoder) {
    this.#processor = processor;
    this.#encoder = encoder;
  }

  label(name: string): void {
    this.#parts.push({ label: name });
  }

  /** Text with its zero byte at `name`. Padded, since instructions stand at multiples of four. */
  text(name: string, text: string): void {
    const bytes = Buffer.from(`${text}\0`);
    this.#parts.push({ label: name }, Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]));
  }

  set(target: Variable, value: number): void {
    this.#parts.push(this.#encoder.set(this.#of(target), value));
  }

  setAddress(target: Variable, label: string): void {
    this.#refer(label, distance => this.#encoder.address(this.#of(target), distance));
  }

  setStackAddress(target: Variable, offset: number): void {
    this.#parts.push(this.#encoder.stackAddress(this.#of(target), offset));
  }

  copy(target: Variable, source: Variable): void {
    this.#parts.push(this.#encoder.copy(this.#of(target), this.#of(source)));
  }

  add(target: Variable, value: number): void {
    this.#parts.push(this.#encoder.add(this.#of(target), value));
  }

  mask(target: Variable, value: number): void {
    this.#parts.push(this.#encoder.mask(this.#of(target), value));
  }

  shiftRight(target: Variable, bits: number): void {
    this.#parts.push(this.#encoder.shiftRight(this.#of(target), bits));
  }

  load(target: Variable, base: Variable, size: 1 | 4 | 8, offset = 0): void {
    this.#parts.push(this.#encoder.load(this.#of(target), this.#of(base), offset, size));
  }

  store(source: Variable, base: Variable, size: 1 | 4 | 8, offset = 0): void {
    this.#parts.push(this.#encoder.store(this.#of(source), this.#of(base), offset, size));
  }

  reserve(size: number): void {
    this.#parts.push(this.#encoder.reserve(size));
  }

  jump(label: string): void {
    this.#refer(label, distance => this.#encoder.jump(undefined, distance));
  }

  /** Compares with a number, as signed ones. */
  jumpIf(left: Variable, condition: Condition, right: number, label: string): void {
    this.#parts.push(this.#encoder.compareWith(this.#of(left), right));
    this.#refer(label, distance => this.#encoder.jump(condition, distance));
  }

  jumpIfSame(left: Variable, right: Variable, label: string): void {
    this.#parts.push(this.#encoder.compare(this.#of(left), this.#of(right)));
    this.#refer(label, distance => this.#encoder.jump('equal', distance));
  }

  /** The fourth, fifth and sixth argument may destroy the last three variables. */
  call({ [this.#processor]: number }: SystemCall, operands: readonly Operand[], result?: Variable): void {
    for (const [index, operand] of operands.entries()) this.#argument(this.#encoder.arguments[index] ?? 0, operand);
    this.#parts.push(this.#encoder.call(number));
    if (result !== undefined) this.#parts.push(this.#encoder.copy(this.#of(result), this.#encoder.result));
  }

  /** The program's bytes. @throws Error when a label is missing */
  assemble(): Buffer {
    const places = new Map<string, number>();
    let size = 0;
    for (const part of this.#parts) {
      if ('label' in part && !('size' in part)) places.set(part.label, size);
      else size += 'size' in part ? part.size : part.length;
    }
    let place = 0;
    const pieces = this.#parts.map(part => {
      if ('label' in part && !('size' in part)) return Buffer.alloc(0);
      const piece = 'size' in part ? part.encode(distanceTo(part.label, places) - place) : part;
      place += piece.length;
      return piece;
    });
    return Buffer.concat(pieces);
  }

  #argument(target: number, operand: Operand): void {
    const encoder = this.#encoder;
    if (typeof operand === 'number') this.#parts.push(encoder.set(target, operand));
    else if ('variable' in operand) this.#parts.push(encoder.copy(target, this.#of(operand.variable)));
    else if ('stack' in operand) this.#parts.push(encoder.stackAddress(target, operand.stack));
    else this.#refer(operand.label, distance => encoder.address(target, distance));
  }

  #refer(label: string, encode: (distance: number) => Buffer): void {
    this.#parts.push({ size: encode(0).length, label, encode });
  }

  #of(variable: Variable): number {
    return this.#encoder.variables[variable] ?? 0;
  }
}

function distanceTo(label: string, places: ReadonlyMap<string, number>): number {
  const place = places.get(label);
  if (place === undefined) throw new Error(`there is no label ${label}`);
  return place;
}
