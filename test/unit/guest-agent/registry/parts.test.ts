import { describe, expect, it } from 'vitest';
import { parseChallenges } from '../../../../guest-agent/registry/challenge.ts';
import { addressesFor, endpointsOf, isInsecure } from '../../../../guest-agent/registry/endpoints.ts';
import { proxyFor } from '../../../../guest-agent/registry/proxy.ts';
import { errorOfAnswer, goCause } from '../../../../guest-agent/registry/registry-error.ts';

describe('challenges', () => {
  it('are read, several in one header', () => {
    const header = 'Bearer realm="https://a/token?x=\\"1\\"",service=hub, scope="a:b,c" , Basic realm="x y", Negotiate';
    expect(parseChallenges(header)).toEqual([
      { scheme: 'bearer', parameters: { realm: 'https://a/token?x="1"', service: 'hub', scope: 'a:b,c' } },
      { scheme: 'basic', parameters: { realm: 'x y' } },
      { scheme: 'negotiate', parameters: {} },
    ]);
    expect(parseChallenges(undefined)).toEqual([]);
  });
});

describe('endpoints', () => {
  it('are secure unless that is waived', () => {
    const bases = (domain: string, settings = {}): string[] => endpointsOf(domain, settings).map(({ base }) => base);
    expect(bases('docker.io')).toEqual(['https://registry-1.docker.io/']);
    expect(bases('docker.io', { mirrors: ['http://m:1'] })).toEqual(['http://m:1/', 'https://registry-1.docker.io/']);
    expect(bases('ghcr.io')).toEqual(['https://ghcr.io/']);
    expect(bases('localhost:5000')).toEqual(['https://localhost:5000/', 'http://localhost:5000/']);
    expect(isInsecure('10.1.2.3:5000', ['10.0.0.0/8'])).toBe(true);
    expect(isInsecure('r.example:5000', ['r.example:5000'])).toBe(true);
    expect(isInsecure('r.example:5000', ['r.example:5001', '10.0.0.0/8'])).toBe(false);
    expect(isInsecure('localhost.example', [])).toBe(false);
  });

  it('are insecure for a name that stands for an address in a block', async () => {
    const settings = { insecureRegistries: ['10.0.0.0/8'] };
    const insecure = endpointsOf('r.example:5000', settings, ['10.1.2.3']).map(({ base }) => base);
    expect(insecure).toEqual(['https://r.example:5000/', 'http://r.example:5000/']);
    expect(endpointsOf('r.example:5000', settings, ['11.1.2.3'])).toHaveLength(1);
    expect(await addressesFor('localhost:5000', settings)).toEqual([]); // nothing to find out
    expect(await addressesFor('10.1.2.3:5000', settings)).toEqual([]);
    expect(await addressesFor('nothing.invalid', settings)).toEqual([]);
  });
});

describe('NO_PROXY', () => {
  it.each([
    ['', 'https://a.example/', true],
    ['*', 'https://a.example/', false],
    ['example', 'https://a.example/', false],
    ['a.example', 'https://a.example/', false],
    ['a.example', 'https://ba.example/', true],
    ['.a.example', 'https://a.example/', true],
    ['a.example:444', 'https://a.example/', true],
    ['a.example:443', 'https://a.example/', false],
    ['10.0.0.0/8', 'https://10.2.3.4:5000/', false],
    ['10.2.3.4', 'https://10.2.3.4:5000/', false],
    ['', 'https://127.0.0.1:5000/', false],
    ['', 'https://localhost:5000/', false],
  ])('%j: %s is proxied: %s', (noProxy, url, proxied) => {
    const settings = { httpsProxy: 'proxy:3128', noProxy };
    expect(proxyFor(new URL(url), settings)).toBe(proxied ? 'http://proxy:3128' : undefined);
  });
});

describe('errors', () => {
  const of = (status: number, body: string, bearer?: string): string =>
    errorOfAnswer({ status, statusText: 'Text', body }, bearer).message;

  it('of answers read as dockerd writes them', () => {
    expect(of(401, '', 'insufficient_scope')).toBe('denied: requested access to the resource is denied');
    expect(of(429, '{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}')).toBe(
      'toomanyrequests: You have reached your pull rate limit.',
    );
    expect(of(429, 'slow down')).toBe('toomanyrequests: slow down');
    const silent = errorOfAnswer({ status: 429, statusText: '', body: '', retryAfter: '7' });
    expect(silent.message).toBe('toomanyrequests: too many requests, the registry asks to wait 7 seconds');
    expect(silent.retryAfterMs).toBe(7000);
    expect(of(503, 'x')).toBe('received unexpected HTTP status: 503 Text');
    expect(of(404, '<html>')).toBe(
      `error parsing HTTP 404 response body: invalid character '<' looking for beginning of value: "<html>"`,
    );
    expect(of(401, '')).toBe('unauthorized: authentication required');
  });

  it.each([
    [{ code: 'ECONNREFUSED', address: '::1', port: 5000 }, 'dial tcp [::1]:5000: connect: connection refused'],
    [{ code: 'ENOTFOUND', hostname: 'r.invalid' }, 'dial tcp: lookup r.invalid: no such host'],
    [
      { code: 'SELF_SIGNED_CERT_IN_CHAIN' },
      'tls: failed to verify certificate: x509: certificate signed by unknown authority',
    ],
    [{ code: 'EPROTO' }, 'http: server gave HTTP response to HTTPS client'],
  ])('%o reads as Go writes it', (facts, text) => {
    expect(goCause(Object.assign(new Error('x'), facts), 'host')).toBe(text);
  });
});
