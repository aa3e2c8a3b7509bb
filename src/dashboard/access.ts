import { randomBytes, timingSafeEqual } from 'node:crypto';
import { bridgeProtocol } from '../../contracts/bridge-frames.ts';

/** What a token is traded for. */
export interface Pass {
  /** To be set: it opens the page's files. */
  cookie: string;
  /** For the page alone: it opens the bridge. */
  key: string;
}

/**
 * Who may open the dashboard: whoever has the token that the terminal showed, once; after that the browser that traded it.
 * A page of somebody else in the same browser is kept out by the cookie (SameSite), by `Host` (a name that was rebound to
 * loopback) and by `Origin`. The cookie alone is no way in: cookies know no ports, so a browser sends it to every program
 * that answers on this computer, a container with a published port among them. The key lives in the storage of the page's
 * origin, which knows them.
 */
export class Access {
  readonly #hosts: ReadonlySet<string>;
  readonly #cookieName: string;
  readonly #session = secret();
  readonly #key = secret();
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

  /** What opens the dashboard from now on, if the token is good; it is worthless after that. */
  redeem(token: string): Pass | undefined {
    const found = this.#tokens.find(each => same(each, token));
    if (found === undefined) return undefined;
    this.#tokens = this.#tokens.filter(each => each !== found);
    return { cookie: `${this.#cookieName}=${this.#session}; Path=/; HttpOnly; SameSite=Strict`, key: this.#key };
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

  /** True for a web socket that the page opened: `Sec-WebSocket-Protocol` is the only header that a page can set. */
  knowsKey(protocols: string | undefined): boolean {
    const [name, key = ''] = protocols?.split(/,\s*/) ?? [];
    return name === bridgeProtocol && same(key, this.#key);
  }
}

const secret = (): string => randomBytes(32).toString('base64url');

function same(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}
