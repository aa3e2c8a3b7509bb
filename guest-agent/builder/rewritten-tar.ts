import { Readable } from 'node:stream';
import { extract, type Header, pack } from 'tar-stream';

/** Whether a member is left out. */
export type SkipMember = (header: Header) => boolean;

/** A tar without some of its members, and in which nothing is younger than `epoch`. */
export function rewritten(tar: Readable, { epoch, skip }: { epoch?: Date; skip?: SkipMember }): Readable {
  const members = extract();
  const kept = pack();
  tar.on('error', error => members.destroy(error));
  tar.pipe(members);
  const copy = async (): Promise<void> => {
    for await (const member of members) {
      if (skip?.(member.header)) member.resume();
      else
        await new Promise<void>((resolve, reject) => {
          const header = epoch ? notYounger(member.header, epoch) : member.header;
          const entry = kept.entry(header, error => (error ? reject(error) : resolve()));
          if (header.type === 'file' || header.type === 'contiguous-file') member.pipe(entry);
          else member.resume();
        });
    }
    kept.finalize();
  };
  copy().catch(error => kept.destroy(error));
  return Readable.from(kept, { objectMode: false });
}

/** Times that pax records say more exactly go with them. */
function notYounger(header: Header, epoch: Date): Header {
  const { mtime: _, atime: __, ctime: ___, ...pax } = (header.pax ?? {}) as Record<string, string>;
  const isYounger = header.mtime !== undefined && header.mtime.getTime() > epoch.getTime();
  const times = isYounger ? { mtime: epoch } : {};
  return { ...header, ...times, pax: isYounger ? pax : (header.pax ?? {}) };
}
