import type { Command } from 'commander';
import { invalidArgument } from '../../contracts/errors.ts';
import { ensureDockerContext, removeDockerContext } from '../integration/index.ts';
import { runEngine } from './agent-process.ts';
import { addDashboard } from './dashboard.ts';
import { detach, inBackground, tellParent } from './detach.ts';
import { doctor, doctorLines } from './doctor.ts';
import { down } from './down.ts';
import { buildImage } from './image-build.ts';
import { logs } from './logs.ts';
import { addReset } from './reset.ts';
import { shell } from './shell.ts';
import { readStatus, statusLines } from './status.ts';
import type { Surroundings } from './surroundings.ts';
import { up } from './up.ts';
import { upNative } from './up-native.ts';
import { addVolumes } from './volumes.ts';

const json = (value: unknown): string => JSON.stringify(value, null, 2);

/** Declares every command; `exit` is told the exit code where it is not 0 or an error's 1. */
export function addCommands(program: Command, around: Surroundings, exit: (code: number) => void): void {
  addLifeCycle(program, around, exit);
  addInspection(program, around, exit);
  addTools(program, around, exit);
  addVolumes(program, around);
  addReset(program, around);
  addDashboard(program, around);
}

function addLifeCycle(program: Command, around: Surroundings, exit: (code: number) => void): void {
  program
    .command('up')
    .description('start the machine and its engine; stays in the foreground until Ctrl-C, which shuts it down')
    .option('--native', 'run the engine on this Linux computer itself, as root, without a machine')
    .option('--detach', 'return when the engine answers; `berth down` ends it')
    .option('--no-hello', 'do not run the hello image as a proof of life')
    .action(async ({ native, detach: background, hello }: { native?: true; detach?: true; hello: boolean }) => {
      const args = ['up', ...(native ? ['--native'] : []), ...(hello ? [] : ['--no-hello'])];
      if (background) return exit(await detach(around, args));
      const options = { hello, ...(inBackground(around.env) && { whenUp: tellParent }) };
      return exit(await (native ? upNative(around, options) : up(around, options)));
    });
  program
    .command('down')
    .description('stop the containers (15 s of grace), the engine and the machine')
    .action(() => down(around));
}

function addInspection(program: Command, around: Surroundings, exit: (code: number) => void): void {
  program
    .command('status')
    .description('what runs (exit code 3: nothing)')
    .option('--json', 'as a JSON document')
    .action(async (options: { json?: true }) => {
      const status = await readStatus(around);
      for (const line of options.json ? [json(status)] : statusLines(status)) around.print(line);
      if (status.state.status !== 'running' && !status.orphaned) exit(3);
    });
  program
    .command('doctor')
    .description('check everything that Berth needs, each with a cause and a repair (exit code 4: a problem)')
    .option('--json', 'as a JSON document')
    .action(async (options: { json?: true }) => {
      const findings = await doctor(around);
      for (const line of options.json ? [json(findings)] : doctorLines(findings)) around.print(line);
      if (findings.some(({ outcome }) => outcome === 'problem')) exit(4);
    });
  program
    .command('logs')
    .description("the log of berth, or the machine's console")
    .option('--console', "the machine's console, with its agent's log")
    .option('-f, --follow', 'go on until Ctrl-C')
    .action((options: { console?: true; follow?: true }) =>
      logs(around, { console: options.console ?? false, follow: options.follow ?? false }),
    );
}

function addTools(program: Command, around: Surroundings, exit: (code: number) => void): void {
  program
    .command('shell')
    .description('a shell in the machine, or one command')
    .argument('[command...]', 'what to run; its exit code is returned')
    .passThroughOptions()
    .allowUnknownOption()
    .action(async (command: string[]) => exit(await shell(around, command)));
  program
    .command('context')
    .description("make a docker context of this Berth's engine; nothing is selected unless --use is given")
    .option('--name <name>', 'its name', 'berth')
    .option('--use', 'select it as well')
    .option('--remove', 'remove it')
    .option('--print', 'only print what would be typed')
    .action(options => dockerContext(around, options as ContextOptions));
  program
    .command('image')
    .description('the machine image')
    .command('build')
    .description('build it from pinned Debian packages')
    .option('--arch <arch>', 'amd64 or arm64', around.arch)
    .action(async ({ arch }: { arch: string }) => {
      if (arch !== 'amd64' && arch !== 'arm64') throw invalidArgument(`--arch must be amd64 or arm64, not ${arch}`);
      await buildImage(around, arch);
    });
  program
    .command('engine')
    .description('the engine alone, in the foreground, on this Linux computer as root; several run side by side')
    .argument('[check]', '`check`: look for damage among its images, mend it, and end (exit code 1: there was some)')
    .requiredOption('--root <folder>', 'what must be kept: images, containers, volumes')
    .option('--host <address>', 'unix:///path of its socket')
    .option('--exec-root <folder>', 'what a reboot may take (a folder of /run)')
    .option('--bridge <name>', "its bridge's name")
    .option('--bip <cidr>', "the bridge's address, like 172.30.0.1/16")
    .option('--config-file <file>', "keys of Docker's daemon.json")
    .option('--config <file>', 'the same')
    .action(async (what: string | undefined, options: Record<string, string>) => {
      if (what !== undefined && what !== 'check') throw invalidArgument(`berth engine ${what} is no command`);
      exit(await runEngine(around, [...engineArguments(options), ...(what ? ['--check'] : [])]));
    });
}

const engineArguments = (options: Record<string, string>): string[] =>
  Object.entries(options).flatMap(([name, value]) => [
    `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`,
    value,
  ]);

interface ContextOptions {
  name: string;
  use?: true;
  remove?: true;
  print?: true;
}

async function dockerContext(around: Surroundings, { name, use, remove, print }: ContextOptions): Promise<void> {
  const host = around.home.dockerHost;
  if (print) return around.print(`docker context create ${name} --docker host=${host}`);
  if (remove) {
    await removeDockerContext(name, around.env);
    return around.print(`docker context ${name} removed`);
  }
  const done = await ensureDockerContext({ name, host, use: use ?? false }, around.env);
  around.print(`docker context ${name} ${done}${use ? ' and selected' : ''}`);
  if (!use) around.tell(`(to select it: docker context use ${name})`);
}
