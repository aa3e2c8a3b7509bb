const AF_INET = 2;
const AF_INET6 = 10;

/** The family that an address is written in. */
export const familyOf = (address: string): number => (address.includes(':') ? AF_INET6 : AF_INET);

/** The bytes of an address, four or sixteen. Of addresses that have been checked. */
export function inetBytes(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const groups = (part = ''): string[] => (part === '' ? [] : part.split(':'));
  const [front, back] = [groups(head), groups(tail)];
  const zeros = Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0');
  return Buffer.from([...front, ...zeros, ...back].map(group => group.padStart(4, '0')).join(''), 'hex');
}

/** Dotted, or eight groups. */
export function inetText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Buffer.from(bytes).toString('hex').match(/.{4}/g) ?? [];
  return groups.map(group => Number.parseInt(group, 16).toString(16)).join(':');
}
