/** One way to identify oneself that a WWW-Authenticate header offers (RFC 9110, 11.6.1). */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  scheme: string;
  parameters: Readonly<Record<string, string>>;
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const parameter = new RegExp(`^[\\s,]*(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))`);
const schemeWord = new RegExp(`^[\\s,]*(${token})(?=\\s|,|$)(?!\\s*=)`);

/** Reads the header; what cannot be read ends the reading. */
export function parseChallenges(header: string | undefined): Challenge[] {
  const challenges: Challenge[] = [];
  let rest = header ?? '';
  for (let scheme = schemeWord.exec(rest); scheme?.[1]; scheme = schemeWord.exec(rest)) {
    rest = rest.slice(scheme[0].length);
    const parameters: Record<string, string> = {};
    for (let found = parameter.exec(rest); found?.[1]; found = parameter.exec(rest)) {
      parameters[found[1].toLowerCase()] = (found[2] ?? found[3] ?? '').replaceAll(/\\(.)/g, '$1');
      rest = rest.slice(found[0].length);
    }
    challenges.push({ scheme: scheme[1].toLowerCase(), parameters });
  }
  return challenges;
}
