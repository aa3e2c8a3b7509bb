import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Words } from './replay.ts';
import type { Scenario, Step } from './scenarios.ts';

/** The id of an endpoint; and dockerd adds the container's address, which ours does not have yet when it looks for the port. */
const clash = [/endpoint ca \(\w+\)/g, /host port( for)? /g, /(:\d+(\.\d+){3}:80)?\/tcp/g];
const docker = (line: string, more: Omit<Step, 'docker'> = {}): Step => ({ docker: line.split(' '), ...more });
const pull = (image: string): Step => docker(`pull -q ${image}`);

/** Tags of the hostile registry (test/fakes/hostile-registry.ts) that can never be pulled. */
const hopeless = [
  ...['wrong-layer', 'cut-layer', 'missing-layer', 'forbidden-layer', 'wrong-config', 'broken', 'denied', 'html'],
  ...['foreign', 'no-tar', 'cut-gzip', 'no-gzip', 'wrong-diff-id', 'nosuchtag', 'empty-index', 'windows', 'limited'],
];

/** What must fail with dockerd's words, leave nothing half-made, and not stand in the way of the next attempt. */
export const badInput: Scenario = {
  name: 'bad input',
  steps: [
    ...hopeless.map(tag => pull(`{hostile}/app:${tag}`)),
    docker('images --format {{.Repository}}:{{.Tag}}'),
    docker('rmi {hostile}/app:foreign', { hide: [/[\s\S]*/] }),
    pull('{hostile}/app:wrong-layer-once'),
    pull('{hostile}/app:wrong-layer-once'),
    pull('{hostile}/app:cut-layer-once'),
    pull(`{hostile}/app@sha256:${'0'.repeat(64)}`),
    docker('rmi {hostile}/app:wrong-layer-once {hostile}/app:cut-layer-once', { hide: [/[\s\S]*/] }),
    pull('{closed}/app'),
    pull('Bad:Name:x'),
    docker('pull -q UPPER/case', { hide: [/https:.*/gi] }),
    pull('busybox@sha256:short'),
    docker('run --rm --pull always {closed}/app true'),
    docker('run --name ca -p {taken}:80 busybox true', { hide: clash }),
    docker('ps -a --format {{.Names}}|{{.Status}}|{{.Ports}}'),
    docker('start ca', { hide: clash }),
    docker('rm ca'),
    docker('run --name ca busybox true'),
    docker('run --name ca busybox true'),
    docker('rm ca'),
    docker('run --name ca busybox nope'),
    docker('ps -a --format {{.Names}}|{{.Status}}', { hide: [/\(127\) .*/g] }),
    docker('start -a ca'),
    docker('rm ca'),
    docker('run --rm --name ca busybox echo fine'),
    docker('images --format {{.Repository}}:{{.Tag}}'),
  ],
};

/** Starts the hostile registry on a port; `enter` puts it elsewhere, such as into a network namespace. */
export async function startHostileRegistry(port: number, enter: string[] = []): Promise<{ stop(): Promise<void> }> {
  const words = [...enter, process.execPath, join(import.meta.dirname, '../fakes/hostile-registry.ts'), String(port)];
  const [program = '', ...args] = words;
  const server = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(server, 'exit');
  await Promise.race([once(server.stdout, 'data'), ended]);
  if (server.exitCode !== null) throw new Error('the hostile registry did not start');
  return {
    stop: async () => {
      server.kill('SIGTERM');
      await ended;
    },
  };
}

/** What the scenario's words mean for an engine that reaches this host as `host`, at `address`. */
export const wordsFor = (
  { hostile, closed }: { hostile: number; closed: number },
  { host, address }: { host: string; address: string },
): Words => ({
  '{hostile}': `${host}:${hostile}`,
  '{closed}': `${host}:${closed}`,
  '{taken}': `127.0.0.1:${hostile}`,
  '{hostile address}': `${address}:${hostile}`,
  '{closed address}': `${address}:${closed}`,
});
