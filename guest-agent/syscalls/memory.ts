import { declare } from './libc.ts';

const mallocTrim = declare<(pad: number) => number>('int malloc_trim(size_t pad)');

/** Gives memory that the C library keeps for later back to the kernel, malloc_trim(3). Some milliseconds of work. */
export const returnFreeMemory = (): void => void mallocTrim(0);
