import { readJsonFile, writeJsonFile } from '../../base/json-file.ts';

/** An Ed25519 key in OpenSSH's forms: the private key's PEM, and `ssh-ed25519 AAAA…`. */
export interface KeyPair {
  private: string;
  public: string;
}

/** The two ends of the channel: who the guest is, and who may log in. Made once per machine, never leave the computer. */
export interface MachineKeys {
  /** Of the guest's SSH server. */
  host: KeyPair;
  /** Of the host program. */
  user: KeyPair;
}

/** The bytes of a public key on the wire: two strings with their lengths, `ssh-ed25519` and 32 bytes (RFC 8709 section 4). */
const PUBLIC_KEY_BYTES = 4 + 11 + 4 + 32;

/** The keys in `file`, made if there are none, or none that can be read. */
export async function ensureKeys(file: string): Promise<MachineKeys> {
  const saved = readJsonFile(file) as MachineKeys | undefined;
  if (saved && isWhole(saved.host) && isWhole(saved.user)) return saved;
  const keys = { host: await newKeyPair(), user: await newKeyPair() };
  await writeJsonFile(file, keys, 0o600);
  return keys;
}

/** A new pair. One in 256 of ssh2's lacks the leading zero of its public key (mscdex/ssh2 issue 1390), and nobody can read it: another is made. */
export async function newKeyPair(): Promise<KeyPair> {
  const { default: ssh2 } = await import('ssh2'); // once per machine; loading it takes longer than all else before the machine runs
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519');
    if (isWhole(pair)) return { private: pair.private, public: pair.public };
  }
}

function isWhole(pair: KeyPair): boolean {
  return Buffer.from(pair.public.split(' ')[1] ?? '', 'base64').length === PUBLIC_KEY_BYTES;
}
