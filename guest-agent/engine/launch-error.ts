import { conflict, EngineError, internal, invalidArgument, messageOf } from '../../contracts/errors.ts';
import { CgroupError } from '../cgroups/index.ts';
import { LaunchError } from '../runtime/index.ts';

/** Exit codes that `docker run` shows for a program that never ran, as dockerd derives them from the message. */
export function exitCodeOf(message: string): number {
  if (message.startsWith('error while mounting volume')) return 128; // whatever the kernel said
  const is = (...texts: string[]): boolean => texts.some(text => message.includes(text));
  if (is('executable file not found', 'no such file or directory', 'system cannot find the file specified')) return 127;
  if (is('permission denied', 'not a directory', 'is a directory')) return 126;
  return 128;
}

const notCreated =
  'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: ';
const inContainer = `${notCreated}unable to start container process: `;
const inExec = 'OCI runtime exec failed: exec failed: unable to start container process: ';

/** A specification that is not even tried. */
export const refusedLaunch = (why: string): EngineError => internal(`${notCreated}${why}`);

/** What a container was to run, and what was to be mounted where. */
export interface Launching {
  command: string;
  mounts?: readonly { source: string; destination: string; tmpfsOptions?: readonly string[] }[];
}

/** A failed launch in the words that Docker's clients know, with the kind that carries the right status. */
export function launchFailure(error: unknown, { command, mounts = [] }: Launching): EngineError {
  if (error instanceof CgroupError) return internal(`${inContainer}${cgroupReason(error)}`, { cause: error });
  if (!(error instanceof LaunchError))
    return error instanceof EngineError ? error : internal(messageOf(error), { cause: error });
  const { step, code, subject } = error;
  if (step === 'user' && code === 'ENOTDIR') {
    return invalidArgument(`Cannot mkdir: ${subject} is not a directory`, { cause: error });
  }
  const mount = mounts.find(({ destination }) => destination === subject);
  if (step === 'bind' && (code === 'EINVAL' || code === 'ENOTDIR') && mount) {
    return withKind(`${inContainer}error during container init: ${mismatch(mount)}`, error);
  }
  const memory = step === 'mount' && mounts.find(({ tmpfsOptions }) => tmpfsOptions?.includes(subject));
  if (memory) return withKind(`${inContainer}error during container init: ${badMemory(memory, error)}`, error);
  return withKind(`${inContainer}${reason(error, command)}`, error);
}

/** An option that the kernel does not take, of `--tmpfs`. */
const badMemory = ({ destination }: { destination: string }, { subject, code }: LaunchError): string =>
  `error mounting "tmpfs" to rootfs at "${destination}": mount tmpfs:${destination}, data: ${subject}: ${goError(code)}`;

/** A file and a folder do not go together. */
const mismatch = ({ source, destination }: { source: string; destination: string }): string =>
  `error mounting "${source}" to rootfs at "${destination}": mount ${source}:${destination}: not a directory: ` +
  'Are you trying to mount a directory onto a file (or vice-versa)? ' +
  'Check if the specified host path exists and is the expected type';

/** runc writes some limits before the process is in its cgroup, and the others while it waits for its hooks. */
function cgroupReason({ file, message }: CgroupError): string {
  const isEarly = file.startsWith('cpuset.') || file.startsWith('cpu.rt_');
  const when = 'error during container init: error setting cgroup config for procHooks process';
  return `${isEarly ? 'unable to apply cgroup configuration' : when}: ${message}`;
}

/** The same for `docker exec`. */
export function execFailure(error: unknown, command: string): EngineError {
  if (!(error instanceof LaunchError))
    return error instanceof EngineError ? error : internal(messageOf(error), { cause: error });
  return withKind(`${inExec}${reason(error, command)}`, error);
}

/** dockerd answers 400 for a command that is not there or may not run, 409 for a cgroup that is gone, else 500. */
function withKind(message: string, cause: LaunchError): EngineError {
  const code = exitCodeOf(message);
  if (code === 127 || code === 126) return invalidArgument(message, { cause });
  return message.includes('no longer running') ? conflict(message, { cause }) : internal(message, { cause });
}

const goErrors: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ENOTDIR: 'not a directory',
  EISDIR: 'is a directory',
  ENOEXEC: 'exec format error',
  ELOOP: 'too many levels of symbolic links',
  ENOMEM: 'cannot allocate memory',
  ENOSPC: 'no space left on device',
  EINVAL: 'invalid argument',
  EBUSY: 'device or resource busy',
  EROFS: 'read-only file system',
  ETXTBSY: 'text file busy',
  EEXIST: 'file exists',
  E2BIG: 'argument list too long',
  EDQUOT: 'disk quota exceeded',
};

/** Go's text of an errno. */
export const goError = (code: string): string => goErrors[code] ?? code;

function reason(error: LaunchError, command: string): string {
  const text = goError(error.code);
  switch (error.step) {
    case 'execve':
      if (error.code === 'ENOEXEC') return `exec ${command}: ${text}`;
      if (error.code === 'ENOENT' && !command.includes('/'))
        return `exec: "${command}": executable file not found in $PATH`;
      return error.code === 'ENOENT' ? `exec: "${command}": stat ${command}: ${text}` : `exec: "${command}": ${text}`;
    case 'user': // its last act is to go where the process shall begin
      if (!error.subject.startsWith('/')) return `${error.step} ${error.subject}: ${text}`;
      return `chdir to cwd ("${error.subject}") set in config.json failed: ${text}`;
    case 'bind':
      if (error.code === 'EPROCMOUNT') return `error during container init: ${error.subject}`;
      return `${error.step} ${error.subject}: ${text}`;
    case 'newSession':
      return `error during container init: unable to join session keyring: unable to create session key: ${text}`;
    case 'apparmor':
      return `error during container init: unable to apply apparmor profile: apparmor failed to apply profile: write /proc/thread-self/attr/apparmor/exec: ${text}`;
    case 'limits':
      return `error during container init: error setting rlimits for ready process: error setting rlimit type ${error.subject}: ${text}`;
    case 'sysctls':
      return `error during container init: ${error.code === 'ENOENT' ? 'open' : 'write'} /proc/${error.subject}: ${text}`;
    case 'oomScore':
      // In words that dockerd would not take for those of a program that may not be run.
      return `failed to update /proc/self/oom_score_adj: ${error.code === 'EACCES' ? 'the host forbids so low a score' : text}`;
    case 'hostname':
    case 'domainname':
      return `error during container init: set${error.step}: ${text}`;
    default:
      return `${error.step} ${error.subject}: ${text}`;
  }
}
