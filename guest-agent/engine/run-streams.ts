import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { RuntimeSpec } from '../../contracts/oci/runtime-spec.ts';
import type { ContainerOutput, OutputListener, OutputSource } from '../logs/index.ts';
import type { RunningProcess, StdioSpec } from '../runtime/index.ts';
import type { RunLog } from './container-log.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineContext } from './context.ts';
import { execDirectory } from './exec-directory.ts';
import { type InputSink, openFifoInput, openTerminalInput } from './input.ts';
import { remapOf, rootOutside } from './user-remap.ts';

type Fifos = Extract<StdioSpec, { terminal: false }>;

/** Where a run's output goes. */
export interface Listening {
  log: RunLog;
  /** Is told from the first byte on. */
  hear: OutputListener;
}

/** The FIFOs or the terminal of a container's first process. */
export function stdioFor(
  record: ContainerRecord,
  execDir: string,
  spec: RuntimeSpec,
  context: EngineContext,
): StdioSpec {
  if (record.config.Tty) {
    const size = spec.process.consoleSize;
    return { terminal: true, ...(size ? { size: { rows: size.height, columns: size.width } } : {}) };
  }
  const outside = rootOutside(remapOf(record.hostConfig, context.options.remap));
  const owner = { uid: outside.uid + spec.process.user.uid, gid: outside.gid + spec.process.user.gid };
  return { terminal: false, ...context.rooms.logs.createFifos(execDir, owner, record.config.OpenStdin ?? false) };
}

/** The FIFOs that a container without a terminal was started with. */
export function fifosOf({ id }: ContainerRecord, { options }: EngineContext): Fifos {
  const [stdin = '', stdout = '', stderr = ''] = ['stdin', 'stdout', 'stderr'].map(name =>
    join(execDirectory(options.execRoot, id), name),
  );
  return { terminal: false, stdin: existsSync(stdin) ? stdin : null, stdout, stderr };
}

/** What goes into a process and comes out of it. */
export interface RunStreams {
  output: ContainerOutput;
  input: InputSink | undefined;
}

/** The streams of a running process; also of one that an earlier engine started. */
export function openStreams(
  record: ContainerRecord,
  process: RunningProcess,
  { stdio, ...listening }: Listening & { stdio: StdioSpec },
  context: EngineContext,
): RunStreams {
  const source = stdio.terminal
    ? { terminalFd: process.openTerminal() }
    : { stdout: stdio.stdout, stderr: stdio.stderr };
  return { output: openOutput(record, source, listening, context), input: openInput(record, process, stdio) };
}

function openInput({ config }: ContainerRecord, process: RunningProcess, stdio: StdioSpec): InputSink | undefined {
  if (stdio.terminal) return config.OpenStdin ? openTerminalInput(process.openTerminal()) : undefined;
  return stdio.stdin ? openFifoInput(stdio.stdin, () => process.closeStdin()) : undefined;
}

/**
 * The process that is being launched, with its streams. FIFOs are listened to before it is there: the engine waits for
 * the child anyway. @throws what kept either from being there; then nothing is open
 */
export async function launchedWithStreams(
  record: ContainerRecord,
  launching: Promise<RunningProcess>,
  { stdio, ...listening }: Listening & { stdio: StdioSpec },
  context: EngineContext,
): Promise<RunStreams & { process: RunningProcess }> {
  if (stdio.terminal) {
    const process = await launching;
    return { process, ...openStreams(record, process, { stdio, ...listening }, context) };
  }
  const [launched, opened] = await Promise.allSettled([launching, openAhead(record, stdio, listening, context)]);
  if (opened.status === 'fulfilled') opened.value.letGo();
  if (launched.status === 'fulfilled' && opened.status === 'fulfilled') {
    const { value: process } = launched;
    return { process, output: opened.value.output, input: openInput(record, process, stdio) };
  }
  if (opened.status === 'fulfilled') opened.value.output.close();
  throw launched.status === 'rejected' ? launched.reason : (opened as PromiseRejectedResult).reason;
}

/** A FIFO without a writer has come to its end: until `letGo`, when the process has it or will never be, there is one. */
async function openAhead(
  record: ContainerRecord,
  { stdout, stderr }: Fifos,
  listening: Listening,
  context: EngineContext,
): Promise<{ output: ContainerOutput; letGo(): void }> {
  await setImmediate(); // the order to the keeper goes first
  const fifos = [stdout, stderr].flatMap(path => (path === null ? [] : openSync(path, constants.O_RDWR)));
  const letGo = (): void => {
    for (const fifo of fifos) closeSync(fifo);
  };
  try {
    return { output: openOutput(record, { stdout, stderr }, listening, context), letGo };
  } catch (error) {
    letGo();
    throw error;
  }
}

function openOutput(
  { id }: ContainerRecord,
  source: OutputSource,
  { log, hear }: Listening,
  { records, rooms }: EngineContext,
): ContainerOutput {
  const output = rooms.logs.open({ id, directory: records.directory(id), ...log, source });
  output.subscribe(hear);
  return output;
}
