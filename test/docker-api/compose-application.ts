import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, command, succeed } from '../support/command.ts';
import type { TestEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { servicesArchive } from '../support/images.ts';
import { fetchPeer } from '../support/peer.ts';
import { freePort } from '../support/registry.ts';

/** Where an application of three services is tried. */
export interface ComposeSubject {
  engine: TestEngine;
  /** the engine dies and another one takes over */
  killEngine(): Promise<unknown>;
  /** the engine, or all of the machine, ends in order and comes back */
  restartEngine(): Promise<unknown>;
  /** images are sent to it compressed, and it sees no folders of this computer */
  farAway?: true;
}

/** `docker compose` with a web server, an application and PostgreSQL, from the first `up` to the last `down`. */
export function composeTests(name: string, open: () => ComposeSubject): void {
  describe(`${name}: docker compose and an application of three services`, { timeout: 400_000 }, () => {
    let subject: ComposeSubject;
    let engine: TestEngine;
    let config: string;
    let port: number;

    beforeAll(async () => {
      subject = open();
      engine = subject.engine;
      const archive = await servicesArchive();
      config = await mkdtemp(join(tmpdir(), 'berth-compose-'));
      await mkdir(join(config, 'cli-plugins'));
      const plugin = 'usr/libexec/docker/cli-plugins/docker-compose';
      await symlink(join(await fetchPeer(), plugin), join(config, 'cli-plugins/docker-compose'));
      const send = subject.farAway ? `zstd -1 -c ${archive}` : `cat ${archive}`;
      await succeed('sh', ['-c', `${send} | docker -H unix://${engine.socket} load -q`], { timeoutMs: 600_000 });
      port = await freePort();
    }, 900_000);
    afterAll(async () => {
      await tryCompose(['--profile', 'tools', 'down', '-t', '0', '-v']);
      await engine.docker('rmi', 'debian-services');
      await rm(config, { recursive: true, force: true });
    }, 120_000);

    const folder = join(import.meta.dirname, 'compose');
    const files = (): string[] => (subject.farAway ? ['-f', 'compose.yaml', '-f', 'compose.copied.yaml'] : []);
    const tryCompose = (args: string[], env: NodeJS.ProcessEnv = {}): Promise<CommandResult> =>
      command('docker', ['compose', '--progress', 'plain', ...files(), ...args], {
        cwd: folder,
        timeoutMs: 240_000,
        env: {
          DOCKER_HOST: `unix://${engine.socket}`,
          DOCKER_CONFIG: config,
          PORT: String(port),
          SECRET: 'hush',
          PROGRAM: readFileSync(join(folder, 'app.py'), 'utf8'),
          NGINX: readFileSync(join(folder, 'nginx.conf'), 'utf8'),
          ...env,
        },
      });
    async function compose(args: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
      const { code, stdout, stderr } = await tryCompose(args.split(' '), env);
      if (code !== 0) throw new Error(`compose ${args}: ${stderr}\n${await engine.log()}`);
      return stdout.trim();
    }
    /** `3 first hush <host name>`: how many have come, what the application was told, who answered. Nobody waits for `web` to listen. */
    const visit = (): Promise<string[]> =>
      eventually('the web server answers', async () => {
        const answer = await fetch(`http://127.0.0.1:${port}/`);
        return (await answer.text()).split(' ');
      });
    const ids = async (service: string): Promise<string[]> => (await compose(`ps -q ${service}`)).split('\n').sort();

    it('comes up in its order, and stays as it is when nothing changes', async () => {
      await compose('up -d --wait');
      expect((await visit()).slice(0, 3)).toEqual(['1', 'first', 'hush']);
      const before = await Promise.all(['db', 'app', 'web'].map(ids));
      await compose('up -d --wait');
      expect(await Promise.all(['db', 'app', 'web'].map(ids))).toEqual(before);
      expect((await compose('ps --format {{.Service}}|{{.State}}|{{.Health}}')).split('\n').sort()).toEqual([
        'app|running|healthy',
        'db|running|healthy',
        'web|running|',
      ]);
      expect(await compose('exec -T web getent hosts app')).toMatch(/ app$/);
      expect((await tryCompose(['exec', '-T', 'web', 'getent', 'hosts', 'db'])).code).toBe(2); // not in its networks
      expect(await compose('logs --no-color app')).toContain('serving');
      expect(await compose('--profile tools run --rm once')).toMatch(/ database\n.* app$/);
    });

    it('what changed is made anew, what is asked for is multiplied, and all take part', async () => {
      const [database, before] = [await ids('db'), await ids('app')];
      await compose('up -d --wait', { WORD: 'second' });
      expect(await ids('db')).toEqual(database);
      expect(await ids('app')).not.toEqual(before);
      expect((await visit())[1]).toBe('second');
      await compose('up -d --wait --scale app=3', { WORD: 'second' });
      const answering = new Set<string>();
      await eventually(
        'each of three has answered',
        async () => answering.add((await visit())[3] ?? '').size === 3,
        60_000,
      );
      expect(
        (await compose('exec -T db getent ahostsv4 app')).split('\n').filter(line => line.includes('STREAM')),
      ).toHaveLength(3);
    });

    it('outlives the death of a service and of the engine', async () => {
      await compose('kill db');
      await compose('up -d --wait', { WORD: 'second' });
      const [visits = ''] = await visit();
      await subject.killEngine(); // names were not to be found meanwhile
      await eventually(
        'the web server finds its application again',
        async () => Number((await visit())[0]) > Number(visits),
      );
      await compose('restart -t 5 app');
      await eventually('the application is back', async () => Number((await visit())[0]) > Number(visits));
    });

    it('keeps the files of its database through all but their removal, and has them back from a backup', async () => {
      let [visits = 0] = (await visit()).map(Number);
      const stillCounts = async (): Promise<void> => {
        await compose('up -d --wait');
        const before = visits;
        [visits = 0] = (await visit()).map(Number);
        expect(visits).toBeGreaterThan(before);
      };
      const name = 'berth-three_data';
      await engine.docker('kill', ...(await ids('db')));
      await subject.killEngine();
      await stillCounts();
      await subject.restartEngine(); // in order: all containers are stopped
      await stillCounts();
      expect((await engine.tryDocker(['volume', 'rm', '-f', name])).stderr).toContain('volume is in use');
      await engine.docker('volume', 'prune', '-af');
      await compose('down -t 5');
      await engine.docker('volume', 'prune', '-f');
      await stillCounts();
      const backup = join(config, 'data.tar.zst');
      const berth = (...args: string[]): Promise<string> =>
        succeed(join(import.meta.dirname, '../../bin/berth'), ['volume', '--socket', engine.socket, ...args]);
      await berth('export', '--pause', name, '-o', backup); // of one moment, as after a power cut
      await compose('down -t 5');
      await engine.docker('volume', 'rm', name);
      const labels = ['project=berth-three', 'volume=data'].flatMap(label => [
        '--label',
        `com.docker.compose.${label}`,
      ]);
      await engine.docker('volume', 'create', ...labels, name);
      await berth('import', name, backup);
      await stillCounts();
    });

    it('SCTP is published, too, where the kernel has it', async context => {
      const python = (code: string): string[] => ['debian-services', 'python3', '-c', `import socket as s\n${code}`];
      const server =
        'a=s.socket(2,1,132); a.bind(("",9899)); a.listen()\nwhile True: c,_=a.accept(); c.send(b"by SCTP"); c.close()';
      const started = await engine.tryDocker([
        'run',
        '-d',
        '--name',
        'sctp',
        '-p',
        '9899:9899/sctp',
        ...python(server),
      ]);
      try {
        if (/not supported/i.test(started.stderr)) {
          console.log(`skipped: no SCTP here: ${started.stderr.trim()}`);
          return context.skip();
        }
        expect(started).toMatchObject({ code: 0, stderr: '' });
        const gateway =
          'g=[l.split() for l in open("/proc/net/route")][1][2]; h=".".join(str(int(g[i:i+2],16)) for i in (6,4,2,0))';
        const client = `${gateway}\nb=s.socket(2,1,132); b.settimeout(5); b.connect((h,9899)); print(b.recv(99).decode())`;
        await eventually('the server answers', async () =>
          (await engine.tryDocker(['run', '--rm', ...python(client)])).stdout.includes('by SCTP'),
        );
      } finally {
        await engine.docker('rm', '-f', 'sctp');
      }
    });

    it('leaves its data when it goes, and nothing when that is to go as well', async () => {
      const [visits = ''] = await visit();
      await compose('down -t 5');
      expect((await engine.docker('ps', '-aq')).trim()).toBe('');
      await compose('up -d --wait');
      expect(Number((await visit())[0])).toBeGreaterThan(Number(visits));
      await compose('down -t 5 -v');
      expect((await engine.docker('volume', 'ls', '-q')).trim()).toBe('');
      expect((await engine.docker('network', 'ls', '-q', '--filter', 'type=custom')).trim()).toBe('');
    });
  });
}
