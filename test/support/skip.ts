/** Why tests are skipped, if they are; it is printed, for a skip without a word hides what was not tried. */
export function skipping(reason: string | undefined): string | undefined {
  if (reason) console.log(`skipped: ${reason}`);
  return reason;
}
