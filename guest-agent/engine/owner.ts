import { readAccountFiles } from './account-files.ts';
import { resolveUser } from './user.ts';

/** Numbers of `user[:group]` by the account files of a root; a user alone brings its own group. @throws invalid-argument */
export function ownerInRoot(spec: string, rootPath: string): { uid: number; gid: number } {
  const { passwd, group } = readAccountFiles(rootPath);
  const [, groupPart] = spec.split(':', 2);
  const { uid, gid } = resolveUser(spec, passwd, group);
  // of a number alone Docker makes the group, too
  return { uid, gid: groupPart === undefined && /^\d+$/.test(spec) ? Number(spec) : gid };
}
