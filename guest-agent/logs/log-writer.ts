import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Entry } from './entries.ts';
import { lineEnd, nowNs, type StreamName, toJsonLine, toRfc3339Nano } from './json-line.ts';
import type { LogFile } from './log-config.ts';
import { Packing, packedPath, rotatedPath } from './packing.ts';
import { toJsonLines } from './plain-lines.ts';

/** Where in a log file one is: which file (its inode), and how many bytes of it count. */
export interface LogPosition {
  inode: number;
  size: number;
}

/** Appends to a json-file log and puts full files aside. The file is made when there is something to write. */
export class LogWriter {
  readonly #file: LogFile;
  readonly #attributes: Record<string, string> | undefined;
  readonly #packing: Packing | undefined;
  #fd = -1;
  #position: LogPosition = { inode: 0, size: 0 };

  constructor(file: LogFile, attributes?: Record<string, string>) {
    this.#file = file;
    this.#attributes = attributes;
    if (file.compress) this.#packing = new Packing(file.path, file.maxFiles);
  }

  /** Where the next byte will go; opens the file. */
  position(): LogPosition {
    this.#open();
    return this.#position;
  }

  /**
   * Writes entries, all with the present time. Before a full file is put aside, `beforeRotation` hears where in the
   * stream the last entry ends that is in it (undefined: none of these).
   */
  append(stream: StreamName, entries: Entry[], beforeRotation: (end: number | undefined) => void): void {
    const end = this.#endOf(stream);
    let text = '';
    let written: number | undefined;
    this.#open();
    for (const entry of entries) {
      if (this.#position.size + text.length >= this.#file.maxBytes) {
        this.#write(Buffer.from(text));
        text = '';
        if (this.#position.size >= this.#file.maxBytes) {
          beforeRotation(written);
          this.#rotate();
        }
      }
      text += toJsonLine(entry.data, end);
      written = entry.end;
    }
    this.#write(Buffer.from(text));
  }

  /** Writes whole lines; false, and nothing is written, when they are not plain (plain-lines.ts) or a file gets full by them. */
  appendPlain(stream: StreamName, wholeLines: Buffer): boolean {
    const end = this.#endOf(stream);
    const json = toJsonLines(wholeLines, end);
    if (json === undefined) return false;
    const lines = beyondAscii.test(end) ? Buffer.from(json) : asciiBytes(json);
    this.#open();
    if (this.#position.size + lines.length >= this.#file.maxBytes) return false;
    this.#write(lines);
    return true;
  }

  #endOf(stream: StreamName): string {
    return lineEnd(stream, toRfc3339Nano(nowNs()), this.#attributes);
  }

  close(): void {
    if (this.#fd !== -1) closeSync(this.#fd);
    this.#fd = -1;
  }

  #open(): void {
    if (this.#fd !== -1) return;
    try {
      this.#fd = openSync(this.#file.path, 'a', 0o640);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || !this.#file.ownFolder) throw error;
      mkdirSync(dirname(this.#file.path), 0o710);
      this.#fd = openSync(this.#file.path, 'a', 0o640);
    }
    const { ino, size } = fstatSync(this.#fd);
    this.#position = { inode: ino, size };
  }

  /** All of it or nothing: half a line would spoil the next one. */
  #write(bytes: Buffer): void {
    if (bytes.length === 0) return;
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
    } catch (error) {
      ftruncateSync(this.#fd, this.#position.size);
      throw error;
    }
    this.#position = { ...this.#position, size: this.#position.size + bytes.length };
  }

  #rotate(): void {
    this.close();
    const { path, maxFiles } = this.#file;
    rmSync(packedPath(path, maxFiles - 1), { force: true });
    for (let number = maxFiles - 1; number > 0; number--) {
      renameIfThere(rotatedPath(path, number - 1), rotatedPath(path, number));
      if (number > 1) renameIfThere(packedPath(path, number - 1), packedPath(path, number));
    }
    this.#packing?.add();
    // A single file starts anew, as another one: who still reads the old one sees that by its inode.
    if (maxFiles === 1) rmSync(path, { force: true });
    this.#open();
  }
}

/** Blocks of plain lines are written one after the other, each from here: memory that is new each time costs as much as they do. */
let room: Buffer | undefined;
const roomBytes = 1 << 20;
const beyondAscii = /[^\x00-\x7f]/;

/** Four times as fast as making UTF-8 of what may be anything. Good until the next call. */
function asciiBytes(lines: string): Buffer {
  if (lines.length > roomBytes) return Buffer.from(lines, 'latin1');
  room ??= Buffer.allocUnsafeSlow(roomBytes);
  return room.subarray(0, room.write(lines, 'latin1'));
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
