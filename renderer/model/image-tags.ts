const collator = new Intl.Collator('en', { numeric: true });

/** `redis:7` as a name and the beginning of a tag; undefined for a name alone, and for one with a digest. */
export function splitTag(text: string): { name: string; begin: string } | undefined {
  const [, name, begin] = /^([^@]+?):([^/@]*)$/.exec(text.trim()) ?? [];
  return name === undefined || begin === undefined ? undefined : { name, begin };
}

/** The tags that have these letters: `latest`, then those that begin with them, versions before words, the highest first. */
export function orderedTags(tags: readonly string[], letters: string): string[] {
  const rank = (tag: string): number => {
    if (tag === 'latest') return 0;
    if (!tag.startsWith(letters)) return 3;
    return /^v?\d/.test(tag) ? 1 : 2;
  };
  return tags
    .filter(tag => tag.includes(letters))
    .sort((left, right) => rank(left) - rank(right) || collator.compare(right, left));
}
