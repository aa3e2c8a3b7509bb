import { createPrivateKey, randomUUID, sign, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';

/** A server of tokens as Docker Hub has one (distribution, "Token Authentication Specification"), for one user. */
export interface TokenServer {
  url: string;
  /** How many tokens it has given. */
  given(): number;
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
  let given = 0;
  const tokenFor = ({ url = '' }: IncomingMessage): string => {
    const { searchParams } = new URL(url, 'http://token');
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: 'tokens',
      sub: user.name,
      aud: searchParams.get('service'),
      nbf: now - 10,
      iat: now,
      exp: now + life,
      jti: randomUUID(),
      access: searchParams.getAll('scope').map(accessTo),
    };
    const text = `${encoded({ typ: 'JWT', alg: 'RS256', x5c })}.${encoded(claims)}`;
    given++;
    return `${text}.${encoded(sign('sha256', Buffer.from(text), privateKey))}`;
  };
  const server = createServer((request, response) => {
    if (request.headers.authorization !== login) {
      response.writeHead(401).end('{"details":"incorrect username or password"}');
      return;
    }
    const issued_at = new Date().toISOString();
    response.end(JSON.stringify({ token: tokenFor(request), expires_in: life, issued_at }));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/token`,
    given: () => given,
    stop: () => new Promise(resolve => server.close(() => resolve())),
  };
}
