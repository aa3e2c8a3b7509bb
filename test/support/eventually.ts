/** Waits until `probe` gives something true, trying again at once and then ever more slowly. @throws Error after `timeoutMs`, with the last failure. */
export async function eventually<T>(
  what: string,
  probe: () => T | Promise<T>,
  timeoutMs = 15_000,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + timeoutMs;
  let failure: unknown;
  for (let pause = 5; ; pause = Math.min(pause * 1.5, 250)) {
    try {
      const value = await probe();
      if (value) return value;
    } catch (error) {
      failure = error;
    }
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`, { cause: failure });
    await new Promise(resolve => setTimeout(resolve, pause));
  }
}

/** Waits until what `probe` counts has stopped changing, and returns it: twenty times the same, ten milliseconds apart. @throws Error when it never does */
export async function settled(what: string, probe: () => number): Promise<number> {
  const deadline = Date.now() + 15_000;
  let last = probe();
  for (let same = 0; same < 20; ) {
    if (Date.now() > deadline) throw new Error(`${what}: it does not end; ${last} now`);
    await new Promise(resolve => setTimeout(resolve, 10));
    const now = probe();
    same = now === last ? same + 1 : 0;
    last = now;
  }
  return last;
}
