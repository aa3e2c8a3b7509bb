const mask = 'xxxxx';

/** An address as it is shown and told: user and password are nobody's business, as BuildKit has it (util/urlutil). */
export function withoutCredentials(address: string): string {
  if (!URL.canParse(address)) return address;
  const url = new URL(address);
  if (url.username === '' && url.password === '') return address;
  if (url.username !== '') url.username = mask;
  if (url.password !== '') url.password = mask;
  return url.href;
}
