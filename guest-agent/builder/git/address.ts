import { invalidArgument } from '../../../contracts/errors.ts';

/** A repository, and what of it is meant. */
export interface GitAddress {
  /** With its scheme; `git@host:path` as it is. */
  remote: string;
  /** A branch, a tag or a commit; '' for the one that the server calls HEAD. */
  ref: string;
  /** Without slashes around it; '' is the root. */
  subdirectory: string;
  /** The commit that it must be; '' for any. */
  checksum: string;
}

const isScp = (text: string): boolean => /^[\w.-]+@[\w.-]+:/.test(text);

/** `https://host/repo.git#ref:folder`, `git://…`, `ssh://…`, `git@host:repo`, `github.com/…`; undefined for what is no repository. */
export function parseGitAddress(text: string): GitAddress | undefined {
  const [location = '', fragment = ''] = text.split(/#(.*)/s);
  const [path = '', query = ''] = location.split(/\?(.*)/s);
  const known = isScp(path) || /^(git|ssh):\/\//.test(path) || /^https?:\/\/.*\.git$/.test(path);
  const shorthand = !known && /^github\.com\/[^/]+\/[^/]+/.test(path);
  if (!known && !shorthand) return undefined;
  const [ref = '', subdirectory = ''] = fragment.split(/:(.*)/s);
  const asked = queryOf(query);
  return {
    remote: shorthand ? `https://${path}` : path,
    ref: asked.ref || ref,
    subdirectory: (asked.subdirectory || subdirectory).replace(/^\/+|(?<!\/)\/+$/g, ''),
    checksum: asked.checksum,
  };
}

/** `?branch=…&subdir=…`. @throws invalid-argument */
function queryOf(query: string): Pick<GitAddress, 'ref' | 'subdirectory' | 'checksum'> {
  const asked = { ref: '', subdirectory: '', checksum: '' };
  for (const [key, value] of new URLSearchParams(query)) {
    if (key === 'ref') asked.ref = value;
    else if (key === 'branch') asked.ref = `refs/heads/${value}`;
    else if (key === 'tag') asked.ref = `refs/tags/${value}`;
    else if (key === 'subdir') asked.subdirectory = value;
    else if (key === 'checksum' || key === 'commit') asked.checksum = value;
    else throw invalidArgument(`unexpected query ${JSON.stringify(key)} in git url`);
  }
  return asked;
}
