import { expect, test } from 'vitest';
import { parseAddress } from '../../../../src/contexts/address.ts';
import { sshWords } from '../../../../src/contexts/ssh-words.ts';

const ssh = { kind: 'ssh', user: '', host: 'nas', port: '', path: '' } as const;

test.each([
  ['unix:///run/user/1000/docker.sock', { kind: 'socket', path: '/run/user/1000/docker.sock' }],
  ['npipe:////./pipe/docker_engine', { kind: 'socket', path: '\\\\.\\pipe\\docker_engine' }],
  ['tcp://192.0.2.1:2376', { kind: 'tcp', host: '192.0.2.1', port: '2376' }],
  ['tcp://[2001:db8::1]', { kind: 'tcp', host: '2001:db8::1', port: '' }],
  ['ssh://nas', ssh],
  ['ssh://nas/', ssh],
  ['ssh://me@nas:2200/run/docker.sock', { ...ssh, user: 'me', port: '2200', path: '/run/docker.sock' }],
  ['ssh://me%40home@[2001:db8::1]', { ...ssh, user: 'me@home', host: '2001:db8::1' }],
])('%s', (text, address) => {
  expect(parseAddress(text)).toEqual(address);
});

test.each([
  ['fd://', 'fd://: not unix://, npipe://, tcp:// or ssh://'],
  ['nas', 'nas: not unix://, npipe://, tcp:// or ssh://'],
  ['tcp://', 'tcp:// names no host'],
  ['ssh://me:secret@nas', 'ssh host connection is not valid: plain-text password is not supported'],
  ['ssh://nas?x=1', 'ssh host connection is not valid: query parameters are not allowed: "x=1"'],
  ['ssh://nas#x', 'ssh host connection is not valid: fragments are not allowed: "x"'],
  ['ssh://-oProxyCommand=x', 'ssh host connection is not valid: neither a user nor a host begins with a dash'],
  ['ssh://-oProxyCommand=x@nas', 'ssh host connection is not valid: neither a user nor a host begins with a dash'],
])('%s is refused', (text, message) => {
  expect(() => parseAddress(text)).toThrow(message);
});

test('ssh is asked for what the docker command asks it', () => {
  const own = ['-T', '-o', 'ConnectTimeout=30', '-o', 'LogLevel=ERROR'];
  expect(sshWords(ssh, undefined)).toEqual([...own, '--', 'nas', 'docker', 'system', 'dial-stdio']);
  const words = sshWords({ ...ssh, user: 'me', port: '2200', path: "/run/it's.sock" }, '/tmp/50 %/ssh0');
  expect(words.slice(own.length)).toEqual([
    ...['-o', 'ControlMaster=auto', '-o', 'ControlPath="/tmp/50 %%/ssh0"', '-o', 'ControlPersist=60'],
    ...['-o', 'ServerAliveInterval=15', '-o', 'ServerAliveCountMax=3', '-l', 'me', '-p', '2200', '--', 'nas'],
    ...['docker', `'--host=unix:///run/it'\\''s.sock'`, 'system', 'dial-stdio'],
  ]);
});
