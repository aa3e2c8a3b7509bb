import { existsSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { Command, Option } from 'commander';
import { goDurationMs } from '../../base/go-duration.ts';
import { ContainerStore } from './container-store.ts';
import { type CreatedContainer, type CreateOptions, createContainer } from './create.ts';
import { defaultConfig } from './default-config.ts';
import { type ExecOptions, execInContainer } from './exec.ts';
import { fail } from './failure.ts';
import { features } from './features.ts';
import { deleteContainer, killContainer, pauseContainer, resumeContainer, startContainer } from './operations.ts';
import { report, reportTo } from './report.ts';
import { showEvents, showList, showProcesses, showState } from './show.ts';
import { cgroupOf } from './status.ts';
import { relayTerminal } from './terminal.ts';
import { type UpdateFlags, updatedResources } from './update.ts';
import { exitCodeOf, forwardSignals } from './wait.ts';

interface Globals {
  root: string;
  log?: string;
  logFormat: 'text' | 'json';
  systemdCgroup?: boolean;
}

/** The command line of runc. Resolves to the exit code. @throws RuntimeFailure, CommanderError */
export async function runCommand(argv: string[]): Promise<number> {
  const line = new CommandLine();
  await line.program.parseAsync(argv, { from: 'user' });
  return line.exitCode;
}

class CommandLine {
  readonly program = new Command('berth-runtime');
  exitCode = 0;

  constructor() {
    const { program } = this;
    program
      .description('OCI runtime: makes and runs containers from bundles')
      .version('berth-runtime 0.1.0\nspec: 1.2.1');
    program.enablePositionalOptions().exitOverride().showSuggestionAfterError(false);
    program
      .option('--root <dir>', 'where the state of containers is kept', '/run/berth-runtime')
      .option('--log <file>', 'where errors are written as well')
      .addOption(new Option('--log-format <format>', 'of that file').choices(['text', 'json']).default('text'))
      .option('--systemd-cgroup', 'not supported')
      .option('--debug', 'accepted')
      .option('--rootless <value>', 'accepted')
      .option('--criu <path>', 'accepted');
    program.hook('preAction', () => {
      const { log, logFormat, systemdCgroup } = program.opts<Globals>();
      reportTo(log, logFormat);
      if (systemdCgroup) {
        throw fail('systemd cgroup flag passed, but systemd support for managing cgroups is not available');
      }
    });
    this.#lifecycle();
    this.#processes();
    this.#observation();
    this.#documents();
  }

  get #store(): ContainerStore {
    return new ContainerStore(this.program.opts<Globals>().root);
  }

  #command(name: string, description: string): Command {
    return this.program.command(name).description(description);
  }

  #lifecycle(): void {
    const birth = (name: string, description: string): Command =>
      this.#command(name, description)
        .argument('<container-id>')
        .option('-b, --bundle <dir>', 'the bundle', '.')
        .option('--console-socket <path>', 'who is given the master of the terminal')
        .option('--pid-file <path>', 'where the pid is written')
        .option('--no-pivot', 'accepted; the root is always pivoted')
        .option('--no-new-keyring', 'accepted; there is always one')
        .option('--preserve-fds <count>', 'descriptors from the fourth on to be inherited', Number, 0);
    birth('create', 'make a container; its program waits for `start`').action(
      async (id: string, flags: CreateOptions) => {
        await this.#create({ ...flags, id, foreground: false });
      },
    );
    birth('run', 'create and start')
      .option('-d, --detach', 'do not wait for the end')
      .option('--keep', 'do not delete the container after its end')
      .action((id: string, flags: RunFlags) => this.#run({ ...flags, id, foreground: !flags.detach }, flags));
    this.#command('start', 'let the program of a created container run')
      .argument('<container-id>')
      .action((id: string) => startContainer(this.#store.load(id), this.#store));
    this.#command('kill', 'send a signal')
      .argument('<container-id>')
      .argument('[signal]', 'name or number', 'SIGTERM')
      .option('-a, --all', 'to all processes of the container')
      .action((id: string, signal: string, { all = false }: { all?: boolean }) =>
        killContainer(this.#store.load(id), this.#store, { signal: parseSignal(signal), all }),
      );
    this.#command('delete', 'give back what a stopped container holds')
      .argument('<container-id>')
      .option('-f, --force', 'kill it first; one that is not there is deleted already')
      .action((id: string, { force = false }: { force?: boolean }) => this.#delete(id, force));
    this.#command('pause', 'freeze all processes')
      .argument('<container-id>')
      .action((id: string) => pauseContainer(this.#store.load(id), this.#store));
    this.#command('resume', 'thaw them')
      .argument('<container-id>')
      .action((id: string) => resumeContainer(this.#store.load(id), this.#store));
  }

  async #create(options: CreateOptions): Promise<CreatedContainer> {
    const created = await createContainer(options, this.#store);
    for (const warning of created.born.warnings) report('warning', fail(warning));
    return created;
  }

  async #run(options: CreateOptions, { detach = false, keep = false }: RunFlags): Promise<void> {
    const store = this.#store;
    const { container, born } = await this.#create(options);
    const relayed = born.terminal !== undefined && !options.consoleSocket ? relayTerminal(born.terminal) : undefined;
    const ended = exitCodeOf(born.pid);
    forwardSignals(born.pid);
    try {
      await startContainer(container, store);
      await born.running;
      if (detach) return;
      this.exitCode = await ended;
    } catch (error) {
      await deleteContainer(container, store, { force: true });
      throw error;
    } finally {
      relayed?.();
    }
    if (!keep) await deleteContainer(container, store, { force: true });
  }

  async #delete(id: string, force: boolean): Promise<void> {
    const store = this.#store;
    if (force && !existsSync(store.directory(id))) return;
    await deleteContainer(store.load(id), store, { force });
  }

  #processes(): void {
    const collect = (value: string, before: string[]): string[] => [...before, value];
    this.#command('exec', 'run a further process in a container')
      .argument('<container-id>')
      .argument('[command...]')
      .passThroughOptions()
      .option('-p, --process <file>', 'a process document')
      .option('--console-socket <path>', 'who is given the master of the terminal')
      .option('--cwd <dir>', 'working directory')
      .option('-e, --env <variable>', 'a further variable', collect, [])
      .option('-t, --tty', 'with a terminal')
      .option('-u, --user <uid[:gid]>', 'as whom')
      .option(
        '-g, --additional-gids <gid>',
        'a further group',
        (value, before: number[]) => [...before, Number(value)],
        [],
      )
      .option('-c, --cap <capability>', 'a further capability', collect, [])
      .option('--no-new-privs', 'no new privileges')
      .option('-d, --detach', 'do not wait for its end')
      .option('--pid-file <path>', 'where the pid is written')
      .option('--preserve-fds <count>', 'descriptors from the fourth on to be inherited', Number, 0)
      .option('--ignore-paused', 'accepted')
      .action((id: string, args: string[], flags: ExecFlags) => this.#exec(id, args, flags));
    this.#command('ps', 'list the processes of a container')
      .argument('<container-id>')
      .argument('[ps-options...]')
      .passThroughOptions()
      .option('-f, --format <format>', 'table or json', 'table')
      .action((id: string, options: string[], { format }: { format: string }) =>
        showProcesses(this.#store.load(id), format, options),
      );
  }

  async #exec(id: string, args: string[], flags: ExecFlags): Promise<void> {
    const store = this.#store;
    const { cap, tty = false, detach = false, newPrivs, ...rest } = flags;
    const options: ExecOptions = {
      ...rest,
      args,
      detach,
      capabilities: cap,
      terminal: tty,
      noNewPrivileges: !newPrivs,
    };
    const born = await execInContainer(store.load(id), options, store);
    for (const warning of born.warnings) report('warning', fail(warning));
    if (detach) return;
    const relayed = born.terminal !== undefined && !flags.consoleSocket ? relayTerminal(born.terminal) : undefined;
    forwardSignals(born.pid);
    this.exitCode = await exitCodeOf(born.pid);
    relayed?.();
  }

  #observation(): void {
    this.#command('state', 'print the state of a container')
      .argument('<container-id>')
      .action((id: string) => showState(this.#store.load(id), this.#store));
    this.#command('list', 'list containers')
      .option('-f, --format <format>', 'table or json', 'table')
      .option('-q, --quiet', 'ids alone')
      .action(({ format, quiet = false }: { format: string; quiet?: boolean }) =>
        showList(this.#store, { format, quiet }),
      );
    this.#command('events', 'measure a container')
      .argument('<container-id>')
      .option('--stats', 'once')
      .option('--interval <duration>', 'between measurements, such as 5s', '5s')
      .action((id: string, { stats = false, interval }: { stats?: boolean; interval: string }) =>
        showEvents(this.#store.load(id), this.#store, { stats, intervalMs: durationMs(interval) }),
      );
  }

  #documents(): void {
    const update = this.#command('update', 'change the limits of a container')
      .argument('<container-id>')
      .option('-r, --resources <file>', 'a resources document; - for standard input');
    for (const flag of [...numberFlags, ...textFlags]) update.option(`--${flag} <value>`);
    update.action((id: string, flags: UpdateFlags) => {
      const container = this.#store.load(id);
      const warnings = cgroupOf(container).update(updatedResources(flags));
      for (const warning of warnings) report('warning', fail(warning));
    });
    this.#command('features', 'print what this runtime can do').action(() => {
      process.stdout.write(`${JSON.stringify(features(), undefined, 2)}\n`);
    });
    this.#command('spec', 'write a config.json to begin with')
      .option('-b, --bundle <dir>', 'where', '.')
      .action(({ bundle }: { bundle: string }) => {
        const path = `${bundle}/config.json`;
        if (existsSync(path)) throw fail('File config.json exists. Remove it first');
        writeFileSync(path, `${JSON.stringify(defaultConfig(), undefined, '\t')}\n`);
      });
  }
}

interface RunFlags extends CreateOptions {
  detach?: boolean;
  keep?: boolean;
}

interface ExecFlags extends Omit<ExecOptions, 'args' | 'detach' | 'terminal' | 'capabilities' | 'noNewPrivileges'> {
  cap: string[];
  tty?: boolean;
  detach?: boolean;
  /** False for `--no-new-privs`. */
  newPrivs: boolean;
}

const numberFlags = [
  'blkio-weight',
  'cpu-period',
  'cpu-quota',
  'cpu-burst',
  'cpu-rt-period',
  'cpu-rt-runtime',
  'cpu-share',
];
const textFlags = [
  'cpuset-cpus',
  'cpuset-mems',
  'cpu-idle',
  'memory',
  'memory-reservation',
  'memory-swap',
  'pids-limit',
];

/** `KILL`, `SIGKILL` or `9`. @throws RuntimeFailure */
function parseSignal(text: string): number {
  const wanted = text.toUpperCase().replace(/^(?=[A-Z])(?!SIG)/, 'SIG');
  const number = /^\d+$/.test(text) ? Number(text) : (constants.signals as Record<string, number>)[wanted];
  if (number === undefined || number < 0 || number > 64) throw fail(`unknown signal ${JSON.stringify(text)}`);
  return number;
}

function durationMs(text: string): number {
  const duration = goDurationMs(text);
  if (duration === undefined || duration <= 0) throw fail('duration interval must be greater than 0');
  return duration;
}
