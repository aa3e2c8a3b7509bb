import type { AuthConfig } from '../../contracts/docker/common.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { errorOfAnswer, RegistryError, syntaxComplaint } from './registry-error.ts';
import { bodyOf, statusOf, type Transport } from './transport.ts';

/** Credentials as clients send them. */
export type Credentials = Partial<AuthConfig>;

interface Token {
  value: string;
  expiresAt: number;
  refreshToken?: string;
}

const clientId = 'docker';
/** What a token that does not say how long it lives gets (distribution, token authentication specification). */
const defaultTokenLifeMs = 60_000;
/** A token is renewed so long before its end. */
const renewalMarginMs = 10_000;

/** User name and password, which may also come as one `auth` in base64. */
export function userOf(credentials: Credentials): { username: string; password: string } {
  const { username = '', password = '' } = credentials;
  if (username || !credentials.auth) return { username, password };
  const text = Buffer.from(credentials.auth, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon === -1) return { username: '', password: '' };
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') };
}

/** Identifies its user to one endpoint for one scope; keeps and renews the token. */
export class Authorizer {
  readonly #transport: Transport;
  readonly #credentials: Credentials;
  readonly #scope: string | undefined;
  readonly #insecure: boolean;
  #challenges: Challenge[] = [];
  #token: Token | undefined;
  #fetching: Promise<Token> | undefined;

  constructor(
    transport: Transport,
    options: { credentials: Credentials; scope?: string; insecure: boolean; challenges?: Challenge[] },
  ) {
    this.#transport = transport;
    this.#credentials = options.credentials;
    this.#scope = options.scope;
    this.#insecure = options.insecure;
    this.#challenges = options.challenges ?? [];
  }

  /** A token for going on without the password, when the registry gave one. */
  get refreshToken(): string {
    return this.#token?.refreshToken ?? '';
  }

  /** Learns from a refusal. False when it teaches nothing new, so that asking again is of no use. */
  learn(header: string | undefined): boolean {
    const challenges = parseChallenges(header);
    if (challenges.length === 0) return false;
    const refused = challenges.some(({ parameters }) => parameters.error === 'insufficient_scope');
    if (refused && this.#token) return false; // a fresh token would be refused just the same
    this.#challenges = challenges;
    this.#token = undefined;
    return true;
  }

  /** The Authorization header, if one is called for; `from` is a further repository to read. @throws RegistryError. */
  async header(signal: AbortSignal, from?: string): Promise<string | undefined> {
    if (this.#credentials.registrytoken) return `Bearer ${this.#credentials.registrytoken}`;
    const bearer = this.#challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer && from) return `Bearer ${(await this.#fetchToken(bearer, signal, from)).value}`;
    if (bearer) return `Bearer ${await this.#currentToken(bearer, signal)}`;
    if (!this.#challenges.some(({ scheme }) => scheme === 'basic')) return undefined;
    const { username, password } = userOf(this.#credentials);
    if (!username) throw new RegistryError('no basic auth credentials', { status: 401 });
    return basic(username, password);
  }

  async #currentToken(challenge: Challenge, signal: AbortSignal): Promise<string> {
    if (this.#token && this.#token.expiresAt > Date.now()) return this.#token.value;
    this.#fetching ??= this.#fetchToken(challenge, signal).finally(() => {
      this.#fetching = undefined;
    });
    this.#token = await this.#fetching;
    return this.#token.value;
  }

  async #fetchToken(challenge: Challenge, signal: AbortSignal, from?: string): Promise<Token> {
    const { realm } = challenge.parameters;
    const scopes = this.#scopes(challenge.parameters, from);
    if (!realm || !URL.canParse(realm)) throw new RegistryError('malformed auth challenge header');
    const refreshToken = this.#credentials.identitytoken || this.#token?.refreshToken;
    const response = await this.#transport.request({
      ...(refreshToken ? refreshRequest(challenge, scopes, refreshToken) : this.#basicRequest(challenge, scopes)),
      insecure: this.#insecure || realm.startsWith('http:'),
      signal,
    });
    const text = (await bodyOf(response)).toString('utf8');
    const { status, statusText } = statusOf(response);
    if (status >= 400) throw errorOfAnswer({ status, statusText, body: text });
    return parseToken(text);
  }

  #basicRequest({ parameters }: Challenge, scopes: readonly string[]) {
    const { username, password } = userOf(this.#credentials);
    const url = new URL(parameters.realm ?? '');
    if (username) url.searchParams.set('account', username);
    if (username) url.searchParams.set('client_id', clientId);
    if (username) url.searchParams.set('offline_token', 'true');
    for (const scope of scopes) url.searchParams.append('scope', scope);
    if (parameters.service) url.searchParams.set('service', parameters.service);
    const headers: Record<string, string> = username ? { Authorization: basic(username, password) } : {};
    return { method: 'GET' as const, url: url.href, headers };
  }

  #scopes(parameters: Challenge['parameters'], from: string | undefined): string[] {
    const scope = this.#scope ?? parameters.scope;
    return [...(scope ? [scope] : []), ...(from ? [`repository:${from}:pull`] : [])];
  }
}

function refreshRequest({ parameters }: Challenge, scopes: readonly string[], refreshToken: string) {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    service: parameters.service ?? '',
    client_id: clientId,
    scope: scopes.join(' '),
  });
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  return { method: 'POST' as const, url: parameters.realm ?? '', headers, body: form.toString(), isSecret: true };
}

const basic = (username: string, password: string): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

function parseToken(text: string): Token {
  const document = documentIn(text);
  const value = document.token || document.access_token;
  if (typeof value !== 'string') {
    throw new RegistryError('authorization server did not include a token in the response');
  }
  const seconds = Number(document.expires_in);
  const lifeMs = seconds > 0 ? seconds * 1000 : defaultTokenLifeMs;
  const expiresAt = Date.now() + Math.max(lifeMs - renewalMarginMs, lifeMs / 2);
  const refreshToken = typeof document.refresh_token === 'string' ? document.refresh_token : undefined;
  return { value, expiresAt, refreshToken };
}

/** Whoever it was that answered, what he said is not repeated: a registry may send us to somebody who told it to us alone. */
function documentIn(text: string): Record<string, unknown> {
  try {
    return { ...(JSON.parse(text) as object | null) } as Record<string, unknown>;
  } catch (cause) {
    throw new RegistryError(`unable to decode token response: ${syntaxComplaint(text)}`, { cause });
  }
}
