import { describe, expect, it } from 'vitest';
import { parseGitAddress } from '../../../../../guest-agent/builder/git/address.ts';

const whole = { ref: '', subdirectory: '', checksum: '' };

describe('the address of a repository', () => {
  it.each([
    ['https://host/a.git', { ...whole, remote: 'https://host/a.git' }],
    ['https://host/a.git#v1', { ...whole, remote: 'https://host/a.git', ref: 'v1' }],
    ['https://host/a.git#:/in/side/', { ...whole, remote: 'https://host/a.git', subdirectory: 'in/side' }],
    ['https://host/a.git#b:c', { ...whole, remote: 'https://host/a.git', ref: 'b', subdirectory: 'c' }],
    [
      'https://host/a.git?tag=v2&subdir=x',
      { ...whole, remote: 'https://host/a.git', ref: 'refs/tags/v2', subdirectory: 'x' },
    ],
    ['git@host:user/a.git#b', { ...whole, remote: 'git@host:user/a.git', ref: 'b' }],
    ['ssh://git@host/a', { ...whole, remote: 'ssh://git@host/a' }],
    ['github.com/user/a', { ...whole, remote: 'https://github.com/user/a' }],
  ])('%s', (text, address) => {
    expect(parseGitAddress(text)).toEqual(address);
  });

  it.each(['https://host/a.tar.gz', 'a/b', './github.com/a/b', 'host.git', ''])('is not %j', text => {
    expect(parseGitAddress(text)).toBeUndefined();
  });

  it('refuses a query that nobody knows', () => {
    expect(() => parseGitAddress('https://host/a.git?x=1')).toThrow('unexpected query "x" in git url');
  });
});
