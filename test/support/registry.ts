import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { succeed } from './command.ts';
import { eventually } from './eventually.ts';

/** A real registry (Debian's docker-registry) on loopback. */
export interface Registry {
  port: number;
  /** `localhost:port`. */
  host: string;
  /** Copies a docker-archive into the registry with skopeo. */
  push(archive: string, repository: string): Promise<void>;
  stop(): Promise<void>;
}

export interface RegistryOptions {
  /** It lets nobody else in (basic authentication with an htpasswd file). */
  user?: { name: string; password: string };
  /** Else one that is free. */
  port?: number;
  /** A folder with what an earlier one kept there, which stays; else it begins with nothing. */
  data?: string;
  /** It speaks TLS; with `clients`, only with those who have a certificate of that authority. PEM files. */
  tls?: { certificate: string; key: string; clients?: string };
  /** It lets in whoever has a token of that server, which has that certificate. */
  tokens?: { url: string; certificate: string };
}

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise(resolve => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

/** True once somebody listens; who wants a certificate first says nothing to us. */
const connected = (port: number): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.once('error', reject).once('connect', () => socket.destroy());
  });

/** A line of an htpasswd file; docker-registry wants bcrypt, which perl reaches through libcrypt. */
async function htpasswd({ name, password }: { name: string; password: string }): Promise<string> {
  const program = 'print crypt($ARGV[0], "\\$2y\\$05\\$saltsaltsaltsaltsaltse")';
  return `${name}:${await succeed('perl', ['-e', program, password])}\n`;
}

async function writeConfig(
  directory: string,
  port: number,
  { user, tls, tokens, data }: RegistryOptions,
): Promise<string> {
  const config = join(directory, 'config.yml');
  if (user) await writeFile(join(directory, 'htpasswd'), await htpasswd(user));
  const guard = user
    ? { htpasswd: { realm: 'test', path: `${directory}/htpasswd` } }
    : tokens && {
        token: { realm: tokens.url, service: 'test', issuer: 'tokens', rootcertbundle: tokens.certificate },
      };
  const auth = guard ? `auth: ${JSON.stringify(guard)}\n` : '';
  const clients = tls?.clients ? `, clientcas: [${tls.clients}]` : '';
  const secured = tls ? `, tls: { certificate: ${tls.certificate}, key: ${tls.key}${clients} }` : '';
  await writeFile(
    config,
    `version: 0.1
log: { level: error }
storage: { filesystem: { rootdirectory: ${data ?? `${directory}/data`} }, delete: { enabled: true } }
http: { addr: "127.0.0.1:${port}"${secured} }
${auth}`,
  );
  return config;
}

/** `enter`: words that put it, and what pushes into it, elsewhere, such as into a network namespace. */
export async function startRegistry(enter: string[] = [], options: RegistryOptions = {}): Promise<Registry> {
  const { user } = options;
  const directory = await mkdtemp(join(tmpdir(), 'berth-registry-'));
  const port = options.port ?? (await freePort());
  const config = await writeConfig(directory, port, options);
  const there = (words: string[]): [string, string[]] => {
    const [program = '', ...args] = [...enter, ...words];
    return [program, args];
  };
  const server = spawn(...there(['docker-registry', 'serve', config]), { stdio: 'ignore' });
  const ended = new Promise(resolve => server.once('exit', resolve));
  const login = user ? `${user.name}:${user.password}` : '';
  const greeting = [
    'curl',
    '--silent',
    ...(options.tokens ? [] : ['--fail']),
    '--user',
    login,
    `http://127.0.0.1:${port}/v2/`,
  ];
  await eventually('the registry answers', () =>
    options.tls ? connected(port) : succeed(...there(greeting)).then(() => true),
  );
  const host = `localhost:${port}`;
  return {
    port,
    host,
    push: async (archive, repository) => {
      const target = `docker://${host}/${repository}`;
      const copy = ['skopeo', 'copy', '--quiet', '--insecure-policy', '--dest-tls-verify=false'];
      const credentials = user ? [`--dest-creds=${login}`] : [];
      await succeed(...there([...copy, ...credentials, `docker-archive:${archive}`, target]), { timeoutMs: 180_000 });
    },
    stop: async () => {
      server.kill('SIGTERM');
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
