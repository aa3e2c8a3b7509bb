import { EngineError, unauthorized, unavailable } from '../../contracts/errors.ts';
import { defaultDomain } from '../../contracts/oci/reference.ts';
import { Authorizer, type Credentials } from './authentication.ts';
import { parseChallenges } from './challenge.ts';
import { endpointsOf, type RegistryEndpoint } from './endpoints.ts';
import { isRegistryError } from './registry-error.ts';
import { discard, statusOf, type Transport } from './transport.ts';

interface LoginAnswer {
  Status: string;
  IdentityToken: string;
}

/** Proves credentials at the registry's base. The registry itself is asked, never a mirror. */
export async function login(
  transport: Transport,
  settings: { insecureRegistries?: readonly string[] },
  credentials: Credentials,
  signal: AbortSignal,
): Promise<LoginAnswer> {
  const endpoints = endpointsOf(domainOf(credentials.serveraddress ?? ''), {
    insecureRegistries: settings.insecureRegistries ?? [],
  });
  let failure: unknown;
  for (const endpoint of endpoints) {
    try {
      return await loginAt(transport, endpoint, credentials, signal);
    } catch (error) {
      if (error instanceof EngineError) throw error;
      failure = error;
      if (isRegistryError(error) && error.status !== undefined) break; // it answered: plain text would only leak the password
    }
  }
  throw translated(failure);
}

/** Docker Hub's address is an old one, kept as the key of its credentials. */
function domainOf(serverAddress: string): string {
  const host = serverAddress.replace(/^https?:\/\//, '').split('/', 1)[0] ?? '';
  return host === '' || host === 'index.docker.io' || host === 'registry-1.docker.io' ? defaultDomain : host;
}

async function loginAt(
  transport: Transport,
  { base, insecure }: RegistryEndpoint,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<LoginAnswer> {
  const url = `${base}v2/`;
  const ping = await transport.request({ method: 'GET', url, insecure, signal });
  discard(ping);
  const challenges = parseChallenges(ping.headers['www-authenticate']);
  const authorizer = new Authorizer(transport, { credentials, insecure, challenges });
  const authorization = await authorizer.header(signal).catch(error => {
    if (!isRegistryError(error) || error.status === undefined) throw error;
    throw unauthorized(`Get "${url}": ${error.message}`, { cause: error });
  });
  const headers: Record<string, string> = authorization ? { Authorization: authorization } : {};
  const answer = await transport.request({ method: 'GET', url, headers, insecure, signal });
  discard(answer);
  const { status, statusText } = statusOf(answer);
  if (status === 200) return { Status: 'Login Succeeded', IdentityToken: authorizer.refreshToken };
  const refuse = status === 401 ? unauthorized : unavailable;
  throw refuse(`login attempt to ${url} failed with status: ${status} ${statusText}`);
}

function translated(error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  return unavailable(error instanceof Error ? error.message : String(error), { cause: error });
}
