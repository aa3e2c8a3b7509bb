import { cpus } from 'node:os';

/** CPUs of this machine; asked once, for asking reads a dozen files. */
export const cpuCount: number = cpus().length;
