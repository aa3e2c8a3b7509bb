import { expect, it } from 'vitest';
import { assertRuntimeIsHere, checkRuntimeName } from '../../../../guest-agent/engine/runtime-names.ts';

it.each(['', 'runc', 'io.containerd.runc.v2', 'io.containerd.foo.v2', 'a.b'])('%j may be a runtime', name => {
  expect(() => checkRuntimeName(name)).not.toThrow();
});

it.each(['foo', '/usr/bin/runc', 'a/b.c', '.a.b'])('%j is none', name => {
  expect(() => checkRuntimeName(name)).toThrow(`unknown or invalid runtime name: ${name}`);
});

it('what is not here is missed by the name of its program', () => {
  expect(() => assertRuntimeIsHere('io.containerd.foo.v2')).toThrow(
    'runtime "io.containerd.foo.v2" binary not installed "containerd-shim-foo-v2": file does not exist',
  );
  expect(() => assertRuntimeIsHere('runc')).not.toThrow();
});
