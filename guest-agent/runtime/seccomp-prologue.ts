import {
  AND,
  ARCHITECTURE,
  instruction,
  JUMP,
  JUMP_IF_AT_LEAST,
  JUMP_IF_EQUAL,
  JUMP_IF_GREATER,
  LOAD_WORD,
  NUMBER,
  RETURN,
  X32_BIT,
} from './classic-bpf.ts';

/** On the architecture `token` (AUDIT_ARCH_*), calls numbered above `newest` are unknown to the profile. */
export interface ArchitectureLimit {
  token: number;
  newest: number;
  /** The same for x32, which enters through the door of x86_64 with a bit set in the number. */
  newestX32?: number;
}

/** For one architecture: unknown calls get `unknown`, the `known` ones their action; the rest is the program's. */
function block({ newest, newestX32 }: ArchitectureLimit, known: Map<number, number>, unknown: number): Buffer[] {
  const x32 = [
    instruction(JUMP_IF_GREATER, X32_BIT + (newestX32 ?? 0), 2, 0),
    instruction(JUMP_IF_AT_LEAST, X32_BIT, 2, 0),
  ];
  return [
    instruction(LOAD_WORD, NUMBER),
    ...(newestX32 === undefined ? [] : x32),
    instruction(JUMP_IF_GREATER, newest, 0, 1),
    instruction(RETURN, unknown),
    ...(newestX32 === undefined ? [] : [instruction(AND, ~X32_BIT)]),
    ...[...known].flatMap(([number, action]) => [
      instruction(JUMP_IF_EQUAL, number, 0, 1),
      instruction(RETURN, action),
    ]),
  ];
}

/**
 * Puts in front of a filter what libseccomp cannot say: calls newer than the newest that the profile knows are
 * answered ENOSYS instead of EPERM, or the fallbacks of C libraries break (runc does so since 1.0), and calls whose
 * names this libseccomp does not know are judged by number.
 */
export function withPrologue(
  program: Buffer,
  limits: ArchitectureLimit[],
  known: Map<number, number>,
  unknown: number,
): Buffer {
  const blocks = limits.map(limit => ({ token: limit.token, code: block(limit, known, unknown) }));
  const parts = [instruction(LOAD_WORD, ARCHITECTURE)];
  blocks.forEach(({ token, code }, index) => {
    const after = blocks.slice(index + 1).reduce((count, { code }) => count + code.length + 2, 0);
    parts.push(instruction(JUMP_IF_EQUAL, token, 0, code.length + 1), ...code, instruction(JUMP, after));
  });
  return Buffer.concat([...parts, program]);
}
