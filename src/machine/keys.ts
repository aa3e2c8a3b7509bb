import { readJsonFile, writeJsonFile } from '../../base/json-file.ts';

/** The two ends of the channel: who the guest is, and who may log in. Made once per machine, never leave the computer. */
export interface MachineKeys {
  /** OpenSSH private key and `ssh-ed25519 AAAA…` of the guest's SSH server. */
  host: { private: string; public: string };
  /** The same of the host program. */
  user: { private: string; public: string };
}

/** The keys in `file`, made if there are none. */
export async function ensureKeys(file: string): Promise<MachineKeys> {
  const saved = readJsonFile(file) as MachineKeys | undefined;
  if (saved) return saved;
  const { default: ssh2 } = await import('ssh2'); // once; loading it takes longer than all else before the machine runs
  const newKey = (): MachineKeys['host'] => {
    const pair = ssh2.utils.generateKeyPairSync('ed25519');
    return { private: pair.private, public: pair.public };
  };
  const keys = { host: newKey(), user: newKey() };
  await writeJsonFile(file, keys, 0o600);
  return keys;
}
