import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { httpBytes } from '../../base/http-client.ts';
import { type CommandResult, command, succeed } from './command.ts';
import { eventually } from './eventually.ts';

/** An engine that a test can talk to with the `docker` command. */
export interface TestEngine {
  socket: string;
  docker(...args: string[]): Promise<string>;
  /** Like `docker`, for commands that may fail. */
  tryDocker(args: string[], options?: Parameters<typeof command>[2]): Promise<CommandResult>;
  /** What the engine wrote to its own log. */
  log(): Promise<string>;
  stop(): Promise<void>;
}

export interface NativeEngine extends TestEngine {
  root: string;
  execRoot: string;
  bridge: string;
  pid(): number;
  /** Ends the agent with SIGKILL; containers and keeper go on. */
  kill(): Promise<void>;
  /** Ends the agent in order; what it has on disk stays. */
  end(): Promise<void>;
  /** Starts an agent on the same root again. */
  restart(): Promise<void>;
}

const project = dirname(dirname(import.meta.dirname));
/** Long runs go on for hours beside other work, at the lowest priority: there a slow answer says nothing. */
const patience = process.env.BERTH_TEST_LONG === '1' ? 10 : 1;
const startMs = 60_000 * patience;
const commandMs = 180_000 * patience;

/** The `docker` command on a socket. */
export function dockerOn(socket: string): Pick<TestEngine, 'docker' | 'tryDocker'> {
  const env = { DOCKER_HOST: `unix://${socket}`, DOCKER_CLI_HINTS: 'false' };
  return {
    docker: (...args) => succeed('docker', args, { env, timeoutMs: commandMs }),
    tryDocker: (args, options = {}) =>
      command('docker', args, { timeoutMs: commandMs, ...options, env: { ...env, ...options.env } }),
  };
}

/** The agent that a command line has started; not one of the short-lived children that its shell has before. @throws Error when there is none yet */
export async function agentOf(commandLine: number): Promise<number> {
  return Number((await succeed('pgrep', ['-P', String(commandLine), '-f', '--', '--single-threaded-gc'])).trim());
}

let engines = 0;

/** Starts `berth engine` on this host with everything of its own. Needs root and Linux. */
export async function startNativeEngine(
  config: Record<string, unknown> = {},
  around: { root?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<NativeEngine> {
  const work = await mkdtemp(join(tmpdir(), 'berth-engine-'));
  const root = around.root ?? join(work, 'root');
  const execRoot = `/run/berth-test-${process.pid}-${++engines}`;
  const bridge = `bt${process.pid % 100000}x${engines}`;
  const socket = join(work, 'docker.sock');
  const logFile = join(work, 'engine.log');
  const configFile = join(work, 'daemon.json');
  await mkdir(root, { recursive: true });
  await writeFile(configFile, JSON.stringify(config));
  let child: ChildProcess;
  const ended = (): Promise<unknown> =>
    child.exitCode === null && child.signalCode === null
      ? new Promise(resolve => child.once('exit', resolve))
      : Promise.resolve();
  const end = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended();
  };
  const start = async (): Promise<void> => {
    const output = openSync(logFile, 'a');
    const args = ['engine', '--root', root, '--exec-root', execRoot, '--host', `unix://${socket}`, '--bridge', bridge];
    child = spawn(join(project, 'bin/berth'), [...args, '--config', configFile], {
      stdio: ['ignore', output, output],
      env: { ...process.env, ...around.env },
    });
    closeSync(output);
    const answers = async (): Promise<string> => {
      if (child.exitCode !== null || child.signalCode !== null) return 'ended';
      // Not by the docker command: one after the other would take the CPU from the engine that they ask for.
      return String(await httpBytes({ socketPath: socket }, 'GET', '/_ping', { timeoutMs: 10_000 }));
    };
    const answered = await eventually('the engine answers', answers, startMs).catch(async error => {
      await end(); // nobody else would
      throw error;
    });
    if (answered === 'ended') throw new Error(`the engine ended:\n${await readFile(logFile, 'utf8')}`);
  };
  const agentPid = (): Promise<number> => agentOf(child.pid ?? 0);
  await start();
  return {
    ...dockerOn(socket),
    socket,
    root,
    execRoot,
    bridge,
    pid: () => child.pid ?? 0,
    log: () => readFile(logFile, 'utf8'),
    kill: async () => {
      process.kill(await agentPid(), 'SIGKILL');
      await ended();
    },
    end,
    restart: start,
    stop: async () => {
      await end();
      await rm(work, { recursive: true, force: true });
    },
  };
}

/** Files that the engine still keeps when everything has been removed and pruned: none, after a moment, but what it has ready. */
export async function keptFiles({ root }: NativeEngine): Promise<string[]> {
  const folders = [
    'content',
    'containers',
    'volumes',
    ...['layers', 'drafts', 'containers', 'scratch', 'trash'].map(name => `snapshots/${name}`),
  ];
  const found = await succeed('find', [
    ...folders.map(folder => join(root, folder)),
    '-type',
    'f',
    '-not',
    '-path',
    '*/.ready-*',
  ]);
  return found.split('\n').filter(Boolean);
}

/** Of {@link traces}, those that bear this engine's names: none once it has ended, whatever else this host does. */
export async function tracesOf({ bridge, execRoot, root }: NativeEngine): Promise<string[]> {
  return (await traces()).filter(line => [bridge, execRoot, root].some(name => line.includes(name)));
}

/** What a container engine could leave behind on a host, as lines to compare with before. */
export async function traces(): Promise<string[]> {
  const shell = `
    cat /proc/mounts | grep -E 'overlay|berth|nsfs' | cut -d' ' -f2
    find /sys/fs/cgroup -type d -path '*berth*' 2>/dev/null
    ip -o link | sed -E 's/^[0-9]+: ([^@:]+).* (master [^ ]+).*/link \\1 \\2/; t; s/^[0-9]+: ([^@:]+).*/link \\1/'
    nft list tables 2>/dev/null
    pgrep -af 'berth-keeper|--exec-root' | sed 's/^/process /'
    ls -d /run/berth* /run/netns/* 2>/dev/null`;
  return (await succeed('sh', ['-c', `{ ${shell}\n} || true`])).split('\n').filter(Boolean).sort();
}
