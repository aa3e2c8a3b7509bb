/** fsutil's packets (types/wire.proto). */
export const packets = { stat: 0, request: 1, data: 2, end: 3, error: 4 } as const;

export interface Stat {
  path: string;
  mode: number;
  size: number;
  modTime: number;
  linkname: string;
  devmajor: number;
  devminor: number;
  xattrs: Record<string, Uint8Array>;
}

export interface Packet {
  type: number;
  stat: Stat | null;
  ID: number;
  data: Uint8Array;
}

/** Bits of Go's os.FileMode. */
export const goMode = {
  directory: 2 ** 31,
  symlink: 2 ** 27,
  device: 2 ** 26,
  pipe: 2 ** 25,
  socket: 2 ** 24,
  setuid: 2 ** 23,
  setgid: 2 ** 22,
  character: 2 ** 21,
  sticky: 2 ** 20,
} as const;
