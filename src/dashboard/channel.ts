/** The connection to one window, of which the bridge needs no more than this: a web socket, or a message port. */
export interface Channel {
  sendText(line: string): void;
  sendBytes(frame: Uint8Array): void;
  onText(take: (line: string) => void): void;
  onBytes(take: (frame: Uint8Array) => void): void;
  onClose(take: () => void): void;
}
