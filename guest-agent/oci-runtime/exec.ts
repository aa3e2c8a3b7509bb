import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import type { ContainerId, ExecId } from '../../contracts/brand.ts';
import type { RuntimeProcess } from '../../contracts/oci/runtime-spec.ts';
import { compileSeccomp, execPlan, planBytes } from '../runtime/index.ts';
import { pidfdOpen } from '../syscalls/process.ts';
import { type Born, bear } from './birth.ts';
import { completedProcess, hostUser } from './config.ts';
import type { ContainerStore, SavedContainer } from './container-store.ts';
import { fail } from './failure.ts';
import { cgroupOf, statusOf } from './status.ts';
import { passTerminal } from './terminal.ts';

export interface ExecOptions {
  /** A file with the specification's process document; what else is said comes from here, or else from the container. */
  process?: string;
  args: string[];
  cwd?: string;
  env: string[];
  /** `uid` or `uid:gid`. */
  user?: string;
  additionalGids: number[];
  capabilities: string[];
  noNewPrivileges: boolean;
  terminal: boolean;
  detach: boolean;
  consoleSocket?: string;
  pidFile?: string;
  preserveFds: number;
}

/** A further process in a container that runs. @throws RuntimeFailure */
export async function execInContainer(
  container: SavedContainer,
  options: ExecOptions,
  store: ContainerStore,
): Promise<Born> {
  const status = statusOf(container, store);
  if (status === 'stopped') throw fail('cannot exec in a stopped container');
  if (status === 'paused') throw fail('cannot exec in a paused container');
  const process_ = processOf(container, options);
  if (process_.terminal && options.detach && !options.consoleSocket) {
    throw fail('cannot allocate tty if runc will detach without setting console socket');
  }
  const born = await bearProcess(container, process_, options, store);
  if (options.pidFile) writeFileSync(options.pidFile, String(born.pid));
  if (born.terminal !== undefined && options.consoleSocket) passTerminal(options.consoleSocket, born.terminal);
  return born;
}

async function bearProcess(
  container: SavedContainer,
  process_: RuntimeProcess,
  { preserveFds }: ExecOptions,
  store: ContainerStore,
): Promise<Born> {
  const id = `exec-${process.pid}`;
  const seccompFilter = filterOf(container, process_);
  const { steps, ...birth } = execPlan({
    id: id as ExecId,
    container: container.id as ContainerId,
    containerPid: container.pid,
    process: process_,
    stdio: process_.terminal ? { terminal: true } : { terminal: false, stdin: null, stdout: null, stderr: null },
    cgroup: cgroupOf(container).join(),
    seccompFilter,
    ...(hasUsers(container) ? { userNamespaceRoot: hostUser(0, container.config) } : {}),
  });
  const plan = join(store.directory(container.id), id);
  const kept = steps.filter(({ op }) => op !== 'stdio');
  writeFileSync(plan, planBytes(kept, seccompFilter), { mode: 0o600 });
  const message = {
    ...({ op: 'start', id, plan, container: container.id } as const),
    ...birth,
    hold: { write: null, read: [] },
    inherited: preserveFds,
  };
  try {
    return await bear(message, { paused: () => undefined, container: pidfdOpen(container.pid) });
  } finally {
    rmSync(plan, { force: true });
  }
}

const hasUsers = ({ config }: SavedContainer): boolean => config.linux.namespaces.some(({ type }) => type === 'user');

function filterOf({ config }: SavedContainer, { capabilities }: RuntimeProcess): Buffer | undefined {
  const { seccomp } = config.linux;
  return seccomp && compileSeccomp(seccomp, { capabilities: capabilities?.bounding ?? [], kernel: release() });
}

/** @throws RuntimeFailure */
function processOf({ config }: SavedContainer, options: ExecOptions): RuntimeProcess {
  if (options.process) return completedProcess(JSON.parse(readFileSync(options.process, 'utf8')));
  const { process: own } = config;
  const added = options.capabilities.map(name => (name.startsWith('CAP_') ? name : `CAP_${name}`));
  const capabilities = { ...own.capabilities };
  for (const set of ['bounding', 'effective', 'permitted'] as const) {
    capabilities[set] = [...new Set([...(capabilities[set] ?? []), ...added])];
  }
  return completedProcess({
    ...own,
    args: options.args,
    cwd: options.cwd ?? own.cwd,
    env: [...own.env, ...options.env],
    terminal: options.terminal,
    user: {
      ...own.user,
      ...userOf(options.user),
      additionalGids: [...(own.user.additionalGids ?? []), ...options.additionalGids],
    },
    capabilities,
    noNewPrivileges: options.noNewPrivileges || own.noNewPrivileges,
  });
}

function userOf(text: string | undefined): { uid?: number; gid?: number } {
  if (text === undefined) return {};
  const [uid, gid = '0', ...more] = text.split(':').map(Number);
  if (!Number.isInteger(uid) || !Number.isInteger(Number(gid)) || more.length > 0) {
    throw fail(`parsing ${text} as int for uid failed`);
  }
  return { uid, gid: Number(gid) };
}
