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
