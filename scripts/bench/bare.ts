import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../../base/log.ts';
import type { ContainerId } from '../../contracts/brand.ts';
import type { RuntimeSpec } from '../../contracts/oci/runtime-spec.ts';
import { openCgroups } from '../../guest-agent/cgroups/index.ts';
import { keeperProgram, openRuntime, type Runtime } from '../../guest-agent/runtime/index.ts';
import { succeed } from '../../test/support/command.ts';
import { buildPrograms } from '../build.ts';
import { compared, type Row } from './numbers.ts';
import { alternate } from './turns.ts';

/** Launches in one turn, of which the mean counts: the shell that starts crun is then no part of the figure. */
const each = 5;

/** crun will not start where cgroup v2 lies beside v1 and has controllers: it gets a view of the host without that. */
const crunLoop = `
if [ -d /sys/fs/cgroup/unified ]; then umount /sys/fs/cgroup/unified; fi
began=$(date +%s%N)
for number in $(seq $1); do crun --root "$2" run --bundle "$3" bench-crun-$$-$number || exit 1; done
echo $(( $(date +%s%N) - began ))`;

/** A bundle as `crun spec` writes it, with a busybox that says `true`. */
async function makeBundle(directory: string): Promise<RuntimeSpec> {
  for (const folder of ['bin', 'proc', 'sys', 'dev', 'etc', 'tmp'])
    mkdirSync(join(directory, 'rootfs', folder), { recursive: true });
  copyFileSync('/bin/busybox', join(directory, 'rootfs/bin/busybox'));
  symlinkSync('busybox', join(directory, 'rootfs/bin/true'));
  await succeed('crun', ['spec', '--bundle', directory]);
  const path = join(directory, 'config.json');
  const config = JSON.parse(readFileSync(path, 'utf8')) as RuntimeSpec;
  Object.assign(config.process, { terminal: false, args: ['true'] });
  writeFileSync(path, JSON.stringify(config));
  return config;
}

/** Milliseconds of one launch: cgroups made, fork, `true`, exit told, cgroups removed. */
function ours(runtime: Runtime, directory: string, spec: RuntimeSpec): () => Promise<number> {
  const cgroups = openCgroups();
  const stdio = { terminal: false, stdin: null, stdout: null, stderr: null } as const;
  let count = 0;
  const launch = async (): Promise<void> => {
    const id = `bench-bare-${process.pid}-${++count}` as ContainerId;
    const { cgroup } = cgroups.create(`/${id}`, {});
    const rootfs = { directory: join(directory, 'rootfs') };
    const running = await runtime.launch({ id, spec, rootfs, stdio, cgroup: cgroup.join() });
    const { exitCode } = await running.exited;
    if (exitCode !== 0) throw new Error(`true ended with ${exitCode}`);
    await cgroup.remove();
    await runtime.forget(id);
  };
  return async () => {
    const began = performance.now();
    for (let done = 0; done < each; done++) await launch();
    return (performance.now() - began) / each;
  };
}

const theirs = (directory: string) => async (): Promise<number> => {
  const words = ['--mount', '--propagation', 'private', 'sh', '-c', crunLoop, 'sh', `${each}`];
  const nanoseconds = await succeed('unshare', [...words, join(directory, 'crun'), directory]);
  return Number(nanoseconds) / 1e6 / each;
};

/** A container without an engine: five namespaces, a bundle, and a program that ends at once. */
export async function benchBare(rounds: number): Promise<Row[]> {
  await buildPrograms('dist', ['keeper']);
  const directory = mkdtempSync(join(tmpdir(), 'bench-bare-'));
  const runtime = await openRuntime({
    execRoot: join(directory, 'exec'),
    keeperProgram: keeperProgram(join(process.cwd(), 'dist/keeper.cjs')),
    log: createLog({ level: 'error' }),
  });
  try {
    const spec = await makeBundle(directory);
    const [mine = [], crun = []] = await alternate(rounds, 5, [ours(runtime, directory, spec), theirs(directory)]);
    return [compared('bare launch of `true` in five namespaces, beside `crun run`', 'ms', mine, crun, 1)];
  } finally {
    await runtime.close({ stopKeeper: true });
    rmSync(directory, { recursive: true, force: true });
  }
}
