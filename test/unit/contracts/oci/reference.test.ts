import { describe, expect, it } from 'vitest';
import { familiar, parseReference, toText, withDefaultTag } from '../../../../contracts/oci/reference.ts';

const digest = `sha256:${'a'.repeat(64)}`;

describe('references', () => {
  it.each([
    ['busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['library/busybox:1.36', 'docker.io/library/busybox:1.36', 'busybox:1.36'],
    ['docker.io/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['index.docker.io/a/b', 'docker.io/a/b:latest', 'a/b:latest'],
    ['a/b/c:1', 'docker.io/a/b/c:1', 'a/b/c:1'],
    ['localhost/app', 'localhost/app:latest', 'localhost/app:latest'],
    ['localhost:5000/app:x', 'localhost:5000/app:x', 'localhost:5000/app:x'],
    ['ghcr.io/a/b', 'ghcr.io/a/b:latest', 'ghcr.io/a/b:latest'],
    ['[::1]:5000/app', '[::1]:5000/app:latest', '[::1]:5000/app:latest'],
    ['Host/app', 'Host/app:latest', 'Host/app:latest'],
    [`busybox@${digest}`, `docker.io/library/busybox@${digest}`, `busybox@${digest}`],
    [`busybox:1@${digest}`, `docker.io/library/busybox:1@${digest}`, `busybox:1@${digest}`],
    ['sha256:abc', 'docker.io/library/sha256:abc', 'sha256:abc'],
  ])('%s means %s, shown as %s', (typed, whole, shown) => {
    const reference = withDefaultTag(parseReference(typed));
    expect(toText(reference)).toBe(whole);
    expect(familiar(reference)).toBe(shown);
    expect(parseReference(whole)).toEqual(reference);
  });

  it.each([
    ['Foo', 'invalid reference format: repository name (library/Foo) must be lowercase'],
    ['a/Foo:x', 'invalid reference format: repository name (a/Foo) must be lowercase'],
    ['', 'invalid reference format'],
    ['foo:', 'invalid reference format'],
    ['foo//bar', 'invalid reference format'],
    ['-foo', 'invalid reference format'],
    ['foo:bad/tag', 'invalid reference format'],
    ['foo bar', 'invalid reference format'],
    ['../etc', 'invalid reference format'],
    [
      'b'.repeat(64),
      `invalid reference format: invalid repository name (${'b'.repeat(64)}), cannot specify 64-byte hexadecimal strings`,
    ],
    ['a'.repeat(250), 'invalid reference format: repository name must not be more than 255 characters'],
    ['foo@sha256:abc', 'invalid reference format'],
  ])('%j is refused: %s', (typed, message) => {
    expect(() => parseReference(typed)).toThrow(expect.objectContaining({ message }));
  });
});
