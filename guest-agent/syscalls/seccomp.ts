import { closeSync, fstatSync, readSync } from 'node:fs';
import { check, declare, openLibrary, SyscallError } from './libc.ts';

/** An argument test of a rule: `arg` is its index, `op` one of SCMP_CMP_*, `value2` the value after masking. */
export interface ArgumentTest {
  arg: number;
  op: number;
  value: bigint;
  value2: bigint;
}

/** A filter being written by libseccomp; see seccomp_init(3). Errors are {@link SyscallError}. */
export interface FilterBuilder {
  addArchitecture(token: number): void;
  setAttribute(attribute: number, value: number): void;
  addRule(action: number, syscall: number, tests: ArgumentTest[]): void;
  /** The program as an array of struct sock_filter. */
  export(): Buffer;
  release(): void;
}

type Context = unknown;
const COMPARISON_BYTES = 24; // struct scmp_arg_cmp { unsigned arg; enum op; uint64 a, b; }
const MFD_CLOEXEC = 1;
const EEXIST = 17;

const memfdCreate = declare<(name: string, flags: number) => number>(
  'int memfd_create(const char *name, unsigned int flags)',
);

function bind() {
  const from = openLibrary('libseccomp.so.2');
  return {
    init: from<(action: number) => Context>('void *seccomp_init(uint32_t action)'),
    release: from<(context: Context) => void>('void seccomp_release(void *context)'),
    archAdd: from<(context: Context, token: number) => number>('int seccomp_arch_add(void *context, uint32_t token)'),
    attrSet: from<(context: Context, attribute: number, value: number) => number>(
      'int seccomp_attr_set(void *context, int attribute, uint32_t value)',
    ),
    ruleAdd: from<(context: Context, action: number, syscall: number, count: number, tests: Buffer) => number>(
      'int seccomp_rule_add_array(void *context, uint32_t action, int syscall, unsigned int count, const void *tests)',
    ),
    resolve: from<(token: number, name: string) => number>(
      'int seccomp_syscall_resolve_name_arch(uint32_t token, const char *name)',
    ),
    exportBpf: from<(context: Context, fd: number) => number>('int seccomp_export_bpf(void *context, int fd)'),
  };
}

let bound: ReturnType<typeof bind> | undefined;
/** Loaded on first use: an agent without seccomp needs no library. */
const library = (): ReturnType<typeof bind> => (bound ??= bind());

/** libseccomp returns negative errnos. */
function accept(call: string, result: number, subject: string | number): void {
  if (result < 0) throw new SyscallError(call, -result, String(subject));
}

/**
 * The number of a call on an architecture (SCMP_ARCH_*); a negative one below -1 for a call that this architecture
 * does not have, undefined for a name the library has never heard of.
 */
export function resolveSyscall(token: number, name: string): number | undefined {
  const number = library().resolve(token, name);
  return number === -1 ? undefined : number;
}

/** Starts a filter for the processor's own architecture. */
export function newFilter(defaultAction: number): FilterBuilder {
  const { init, release, archAdd, attrSet, ruleAdd, exportBpf } = library();
  const context = init(defaultAction >>> 0);
  if (!context) throw new SyscallError('seccomp_init', EEXIST, 'filter');
  return {
    addArchitecture(token) {
      const result = archAdd(context, token >>> 0);
      if (result !== -EEXIST) accept('seccomp_arch_add', result, token);
    },
    setAttribute: (attribute, value) => accept('seccomp_attr_set', attrSet(context, attribute, value), attribute),
    addRule(action, syscall, tests) {
      accept('seccomp_rule_add', ruleAdd(context, action >>> 0, syscall, tests.length, encode(tests)), syscall);
    },
    export: () => exported(fd => accept('seccomp_export_bpf', exportBpf(context, fd), 'filter')),
    release: () => release(context),
  };
}

function encode(tests: ArgumentTest[]): Buffer {
  const bytes = Buffer.alloc(Math.max(tests.length, 1) * COMPARISON_BYTES);
  tests.forEach(({ arg, op, value, value2 }, index) => {
    bytes.writeUInt32LE(arg, index * COMPARISON_BYTES);
    bytes.writeUInt32LE(op, index * COMPARISON_BYTES + 4);
    bytes.writeBigUInt64LE(value, index * COMPARISON_BYTES + 8);
    bytes.writeBigUInt64LE(value2, index * COMPARISON_BYTES + 16);
  });
  return bytes;
}

/** The library writes into a descriptor only. */
function exported(write: (fd: number) => void): Buffer {
  const fd = check('memfd_create', memfdCreate('seccomp', MFD_CLOEXEC), 'seccomp');
  try {
    write(fd);
    const bytes = Buffer.alloc(fstatSync(fd).size);
    readSync(fd, bytes, 0, bytes.length, 0);
    return bytes;
  } finally {
    closeSync(fd);
  }
}
