import { createPrivateKey, randomUUID, sign, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';

/**
 * A server of tokens as Docker Hub has one (distribution, "Token Authentication Specification"), for one user. Who wants to go
 * on without the password gets a token for that, too (its "OAuth2 Token Authentication").
 */
export interface TokenServer {
  url: string;
  /** How many tokens it has given. */
  given(): number;
  /** For how many of them it was shown no password, but the token that stands for it. */
  renewed(): number;
  stop(): Promise<void>;
}

export interface TokenServerOptions {
  /** Of what the registry trusts: PEM files. */
  key: string;
  certificate: string;
  user: { name: string; password: string };
  /** Seconds that a token is good for. */
  life: number;
}

const encoded = (value: object | Buffer): string =>
  (Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value))).toString('base64url');

const accessTo = (scope: string): { type: string; name: string; actions: string[] } => {
  const [type = '', name = '', actions = ''] = scope.split(':');
  return { type, name, actions: actions.split(',') };
};

export async function startTokenServer({ key, certificate, user, life }: TokenServerOptions): Promise<TokenServer> {
  const privateKey = createPrivateKey(readFileSync(key));
  const x5c = [new X509Certificate(readFileSync(certificate)).raw.toString('base64')];
  const login = `Basic ${Buffer.from(`${user.name}:${user.password}`).toString('base64')}`;
  const identity = randomUUID();
  let given = 0;
  let renewed = 0;
  const tokenFor = (question: URLSearchParams): string => {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: 'tokens',
      sub: user.name,
      aud: question.get('service'),
      nbf: now - 10,
      iat: now,
      exp: now + life,
      jti: randomUUID(),
      access: question
        .getAll('scope')
        .flatMap(scope => scope.split(' '))
        .filter(Boolean)
        .map(accessTo),
    };
    const text = `${encoded({ typ: 'JWT', alg: 'RS256', x5c })}.${encoded(claims)}`;
    given++;
    return `${text}.${encoded(sign('sha256', Buffer.from(text), privateKey))}`;
  };
  /** What is asked of it, where that is granted. */
  const granted = async (request: IncomingMessage): Promise<URLSearchParams | undefined> => {
    if (request.method === 'POST') {
      const form = new URLSearchParams(Buffer.concat(await request.toArray()).toString());
      if (form.get('refresh_token') !== identity) return undefined;
      renewed++;
      return form;
    }
    return request.headers.authorization === login
      ? new URL(request.url ?? '', 'http://token').searchParams
      : undefined;
  };
  const server = createServer(async (request, response) => {
    const question = await granted(request);
    if (!question) {
      response.writeHead(401).end('{"details":"incorrect username or password"}');
      return;
    }
    const issued_at = new Date().toISOString();
    const more = question.get('offline_token') === 'true' ? { refresh_token: identity } : {};
    response.end(JSON.stringify({ token: tokenFor(question), expires_in: life, issued_at, ...more }));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/token`,
    given: () => given,
    renewed: () => renewed,
    stop: () => new Promise(resolve => server.close(() => resolve())),
  };
}
