import { tarHeader } from './tar.ts';

/** A file of a folder that a browser was given; `path` is relative to the folder. */
export interface ContextFile {
  path: string;
  content: Blob;
}

/** A tar of a folder's files, whose bytes are read only when they are sent. */
export function tarOfFiles(files: readonly ContextFile[]): Blob {
  const parts = files.flatMap(({ path, content }) => [
    tarHeader(path, content.size),
    content,
    new Uint8Array((512 - (content.size % 512)) % 512),
  ]);
  return new Blob([...parts, new Uint8Array(1024)]);
}
