import { randomBytes, timingSafeEqual } from 'node:crypto';

/**
 * Who may open the dashboard: whoever has the token that the terminal showed, once; after that the browser that got the
 * cookie for it. A page of somebody else in the same browser is kept out by the cookie (SameSite), by `Host` (a name that
 * was rebound to loopback) and by `Origin`.
 */
export class Access {
  readonly #hosts: ReadonlySet<string>;
  readonly #cookieName: string;
  readonly #session = secret();
  #tokens: string[] = [];

  constructor(port: number) {
    this.#hosts = new Set([`127.0.0.1:${port}`, `localhost:${port}`]);
    // cookies know no ports: two dashboards of one user must not take each other's
    this.#cookieName = `berth-${port}`;
  }

  /** A token for one opening. */
  newToken(): string {
    const token = secret();
    this.#tokens.push(token);
    return token;
  }

  /** The cookie to set, if the token is good; it is worthless after that. */
  redeem(token: string): string | undefined {
    const found = this.#tokens.find(each => same(each, token));
    if (found === undefined) return undefined;
    this.#tokens = this.#tokens.filter(each => each !== found);
    return `${this.#cookieName}=${this.#session}; Path=/; HttpOnly; SameSite=Strict`;
  }

  knowsHost = (host: string | undefined): boolean => host !== undefined && this.#hosts.has(host);

  /** True for the dashboard's own pages. */
  knowsOrigin = (origin: string | undefined): boolean =>
    origin?.startsWith('http://') === true && this.#hosts.has(origin.slice('http://'.length));

  /** True for a browser that has redeemed a token. */
  knowsCookie(header: string | undefined): boolean {
    const prefix = `${this.#cookieName}=`;
    const cookie = header?.split(/;\s*/).find(each => each.startsWith(prefix));
    return cookie !== undefined && same(cookie.slice(prefix.length), this.#session);
  }
}

const secret = (): string => randomBytes(32).toString('base64url');

function same(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}
