import type { AuthConfig } from '../../../contracts/docker/common.ts';
import { defaultDomain } from '../../../contracts/oci/reference.ts';
import { decode, encode } from './messages.ts';
import type { Session } from './session.ts';

/** What the client knows of a registry; undefined without credentials: the registry says then what it misses. */
export async function credentialsFor(session: Session, host: string): Promise<AuthConfig | undefined> {
  const asked = host === defaultDomain ? 'https://index.docker.io/v1/' : host;
  try {
    const answer = await session.unary(
      '/moby.filesync.v1.Auth/Credentials',
      encode('CredentialsRequest', { Host: asked }),
    );
    const { Username, Secret } = decode<{ Username: string; Secret: string }>('CredentialsResponse', answer);
    if (Secret === '') return undefined;
    return Username === '' ? { identitytoken: Secret } : { username: Username, password: Secret };
  } catch {
    return undefined;
  }
}
