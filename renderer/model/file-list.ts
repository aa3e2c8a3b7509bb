import { inOrder } from './tar-reader.ts';

/** An entry of a folder in a container. */
export interface FileEntry {
  name: string;
  kind: 'folder' | 'file' | 'link' | 'other';
  size: number;
  modified: string;
  permissions: string;
  /** Where a link leads. */
  target: string;
}

const line =
  /^([-dlcbps])(\S{9})\S*\s+\d+\s+\S+\s+\S+\s+(\d+(?:,\s*\d+)?)\s+(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\S*(?: [+-]\d{4})?\s(.*)$/;
const kinds: Record<string, FileEntry['kind']> = { '-': 'file', d: 'folder', l: 'link' };

/** What `ls -lA --full-time` printed, of GNU's coreutils or busybox. Folders come first. */
export function parseFileList(output: string): FileEntry[] {
  const entries = output.split(/\r?\n/).flatMap(text => {
    const [, kind = '', permissions = '', size = '', modified = '', rest = ''] = line.exec(text) ?? [];
    if (kind === '') return [];
    const [name = '', target = ''] = kind === 'l' ? rest.split(' -> ') : [rest];
    return [{ name, kind: kinds[kind] ?? ('other' as const), size: Number(size) || 0, modified, permissions, target }];
  });
  return inOrder(entries);
}
