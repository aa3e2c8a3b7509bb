import type { DiskUsage } from '../../contracts/docker/system.ts';

/** Names after which a secret follows, in logs and addresses. */
const secret =
  /((?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|authorization)["']?\s*[=:]\s*(?:bearer |basic )?["']?)[^\s"',;&]+/gi;
const credentials = /(:\/\/)[^/\s@"']+@/g;

/** A text that may be shown to others: without passwords in addresses and after their names. */
export const masked = (text: string): string => text.replace(credentials, '$1***@').replace(secret, '$1***');

/** What takes how much space. Commands, labels and what a build ran stay out: people put passwords there. */
export const sizesOf = ({ Images, Containers, Volumes, BuildCache, LayersSize }: DiskUsage): unknown => ({
  layersSize: LayersSize,
  images: Images?.map(({ Id, RepoTags, Size, Containers: users }) => ({ Id, RepoTags, Size, users })),
  containers: Containers?.map(({ Id, Names, Image, State, Status, SizeRw }) => ({
    ...{ Id, Names, Image, State, Status, SizeRw },
  })),
  volumes: Volumes?.map(({ Name, Driver, UsageData }) => ({ Name, Driver, UsageData })),
  buildCache: BuildCache?.map(({ ID, Type, Size, InUse, Shared }) => ({ ID, Type, Size, InUse, Shared })),
});

/** A document with every text in it {@link masked}. */
export function diagnosticsText(parts: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(parts, (_key, value: unknown) => (typeof value === 'string' ? masked(value) : value), 2);
}
