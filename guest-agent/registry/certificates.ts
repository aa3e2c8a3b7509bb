import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RegistryError } from './registry-error.ts';

/** What a host is trusted by beside the system's authorities, and who we are for it. PEM texts. */
export interface HostCertificates {
  authorities: string[];
  /** Client certificates, each with its key. */
  own: { certificate: string; key: string }[];
}

/**
 * Docker's folders of certificates: `<folder>/<host:port>/` holds authorities (`*.crt`) and client certificates
 * (`*.cert`, each with its `*.key`). Read anew each time, for they are put there while the engine runs. Undefined for a
 * host without such a folder. @throws RegistryError in dockerd's words.
 */
export function certificatesFor(host: string, folders: readonly string[]): HostCertificates | undefined {
  const found: HostCertificates = { authorities: [], own: [] };
  for (const folder of folders) readFolder(join(folder, host), found);
  return found.authorities.length + found.own.length > 0 ? found : undefined;
}

function readFolder(folder: string, found: HostCertificates): void {
  const names = namesIn(folder);
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  for (const name of names) {
    if (name.endsWith('.crt')) found.authorities.push(read(name));
    if (name.endsWith('.cert')) {
      const keyName = name.replace(/cert$/, 'key');
      if (!names.includes(keyName)) {
        const hint = 'CA certificates must use the extension .crt';
        throw new RegistryError(`missing key ${keyName} for client certificate ${name}. ${hint}`);
      }
      found.own.push({ certificate: read(name), key: read(keyName) });
    }
    if (name.endsWith('.key') && !names.includes(name.replace(/key$/, 'cert'))) {
      throw new RegistryError(`missing client certificate ${name.replace(/key$/, 'cert')} for key ${name}`);
    }
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw new RegistryError(`open ${folder}: ${code === 'EACCES' ? 'permission denied' : code}`, { cause: error });
  }
}
