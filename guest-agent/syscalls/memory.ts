import { declare } from './libc.ts';

const mallocTrim = declare<(pad: number) => number>('int malloc_trim(size_t pad)');

/** Gives memory that the C library keeps for later back to the kernel, malloc_trim(3). Some milliseconds of work. */
export const returnFreeMemory = (): void => void mallocTrim(0);

const mallopt = declare<(parameter: number, value: number) => number>('int mallopt(int param, int value)');
const M_MMAP_THRESHOLD = -3;

/**
 * What is larger than `bytes` is the kernel's again as soon as it is freed, mallopt(3). By itself the C library raises that
 * size with every large block that is freed, to 32 MB, and then keeps hundreds of megabytes of what was only passing through.
 */
export const returnBlocksAbove = (bytes: number): void => void mallopt(M_MMAP_THRESHOLD, bytes);
