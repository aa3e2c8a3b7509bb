import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RuntimeSpec } from '../../../contracts/oci/runtime-spec.ts';
import { type CommandResult, command } from '../../support/command.ts';

const program = join(process.cwd(), 'bin/berth-runtime');
const applets =
  'sh echo cat ls id hostname mount sleep ps env kill touch grep readlink ulimit true false mkdir stat tty date cut';

/** A folder with bundles of a busybox, and `berth-runtime` with its state in there. */
export class Bundles {
  readonly directory = mkdtempSync(join(tmpdir(), 'oci-runtime-'));
  readonly #image = join(this.directory, 'image');
  #count = 0;
  #spec: string | undefined;

  constructor() {
    for (const folder of ['bin', 'proc', 'sys', 'dev', 'etc', 'tmp'])
      mkdirSync(join(this.#image, folder), { recursive: true });
    copyFileSync('/bin/busybox', join(this.#image, 'bin/busybox'));
    for (const name of applets.split(' ')) symlinkSync('busybox', join(this.#image, 'bin', name));
  }

  /** A bundle whose config is that of `spec` with `change`. */
  async make(args: string[], change: (config: RuntimeSpec) => void = () => undefined): Promise<string> {
    const bundle = join(this.directory, `bundle${++this.#count}`);
    mkdirSync(bundle);
    execFileSync('cp', ['-a', this.#image, join(bundle, 'rootfs')]);
    const path = join(bundle, 'config.json');
    this.#spec ??= await this.#writtenSpec(bundle);
    const config = JSON.parse(this.#spec) as RuntimeSpec;
    config.process.terminal = false;
    config.process.args = args;
    config.root.readonly = false;
    change(config);
    writeFileSync(path, JSON.stringify(config));
    return bundle;
  }

  async #writtenSpec(bundle: string): Promise<string> {
    await this.succeed('spec', '--bundle', bundle);
    return readFileSync(join(bundle, 'config.json'), 'utf8');
  }

  /** An id that no other test of this machine takes. */
  id(): string {
    return `berth-test-${process.pid}-${++this.#count}`;
  }

  async run(...args: string[]): Promise<CommandResult> {
    const line = ['--root', join(this.directory, 'state'), ...args];
    if (!args.includes('create')) return command(program, line, { timeoutMs: 60_000 });
    // What is created keeps the streams: a pipe of ours would not end.
    const output = join(this.directory, `output${++this.#count}`);
    const shell = `exec "$@" < /dev/null > ${output} 2> ${output}.errors`;
    const { code } = await command('sh', ['-c', shell, 'sh', program, ...line], { timeoutMs: 60_000 });
    return { code, stdout: readFileSync(output, 'utf8'), stderr: readFileSync(`${output}.errors`, 'utf8') };
  }

  /** `run`, started by a program that takes the words after its own as a command. */
  within(words: readonly string[], args: readonly string[]): Promise<CommandResult> {
    const [outer = '', ...rest] = words;
    const line = [...rest, program, '--root', join(this.directory, 'state'), ...args];
    return command(outer, line, { timeoutMs: 60_000 });
  }

  async succeed(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  }

  /** What a container prints that runs to its end. */
  async output(args: string[], change?: (config: RuntimeSpec) => void): Promise<string> {
    return this.succeed('run', '--bundle', await this.make(args, change), this.id());
  }

  async state(id: string): Promise<{ status: string; pid: number; bundle: string; annotations?: object }> {
    return JSON.parse(await this.succeed('state', id));
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
